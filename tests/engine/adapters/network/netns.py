"""Network namespaces for tests: a host of their own, and backends like pods behind veth pairs."""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from engine.adapters.network.slots import Slot

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL("libc.so.6", use_errno=True)
WIRING = """\
link add eth0 type veth peer name {interface} address ee:ee:ee:ee:ee:ee netns {host}
link set lo up
link set eth0 up
addr add {ip}/32 dev eth0
route add 169.254.1.1 dev eth0 scope link
route add default via 169.254.1.1 dev eth0 src {ip}
neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent
"""
"""A routed veth pair, as seen from inside the pod."""

SERVER = Path(__file__).with_name("backend_process.py")


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Put this thread into a fresh network namespace with loopback up, and back again."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if LIBC.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        assert LIBC.setns(before, CLONE_NEWNET) == 0
        os.close(before)


@attrs.define(eq=False)
class PodProcess:
    """A process in a namespace of its own that answers on port 8080 with its name."""

    name: str
    ip: str
    process: "subprocess.Popen[str]"

    def ask(self, request: str) -> str:
        """What `backend_process` answers to *request*, made from inside the pod."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        """End it; its namespace and veth pair go with it."""
        self.process.kill()
        self.process.communicate()


def start_pod(slot: Slot, number: int, *, node: int = 1) -> PodProcess:
    """A pod with the *number*-th address of node *node*, wired as the routed sandbox does it."""
    ip = f"{slot.node_pod_cidr(node).rpartition('.')[0]}.{number}"
    interface = f"{slot.veth_prefix}{node:02x}{number:02x}"
    batch = WIRING.format(ip=ip, interface=interface, host=os.getpid())
    script = f"ip -batch - <<'END'\n{batch}END\nexec {sys.executable} {SERVER} pod-{number}"
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", f"set -e\n{script}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().strip() == "ready"
    subprocess.run(["ip", "link", "set", interface, "up"], check=True)
    subprocess.run(["ip", "route", "replace", f"{ip}/32", "dev", interface], check=True)
    return PodProcess(f"pod-{number}", ip, process)


def fetch(ip: str, port: int, *, seconds: float = 3.0) -> str:
    """The name of the pod that answers at *ip* and *port*.

    Raises:
        OSError: refused, or no answer in time.
    """
    with socket.create_connection((ip, port), timeout=seconds) as connection:
        connection.sendall(b"who\n")
        return connection.makefile().readline().strip()


def fetch_udp(client: socket.socket, ip: str, port: int) -> str:
    """The same over UDP, from the socket *client*."""
    client.settimeout(3.0)
    client.sendto(b"who", (ip, port))
    return client.recv(512).decode().strip()
