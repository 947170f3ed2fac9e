"""A program of its own: makes the namespaces of pods, each held by a pause process.

It stands alone (the standard library, nothing of Kubarium), so that it is small and a fork of it
costs little: ``python -I -S pause_main.py DESCRIPTOR``, where the descriptor is a socket that keeps
messages apart (SOCK_SEQPACKET). Every request is one JSON document; a child does it, answers by
another one, with the request's number and the pause process or what went wrong, and becomes the
pause process itself. It ends when nobody holds the socket's other end; the pause processes do not.
"""

import contextlib
import ctypes
import errno
import fcntl
import gc
import json
import os
import signal
import socket
import struct
import sys
import warnings  # os.execvpe wants it when it is too late to find it

GATEWAY = "169.254.1.1"
GATEWAY_MAC = "ee:ee:ee:ee:ee:ee"
LARGEST_REQUEST = 65536
FLAGS = {"uts": 0x04000000, "ipc": 0x08000000, "pid": 0x20000000, "net": 0x40000000}
PR_SET_CHILD_SUBREAPER = 36
SIOCGIFINDEX = 0x8933

NLMSG_ERROR, RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = (
    2,
    16,
    17,
    20,
    24,
    28,
)
F_REQUEST, F_ACK, F_REPLACE, F_EXCL, F_CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
IFF_UP, LOOPBACK = 1, 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINKINFO, IFLA_NET_NS_FD = 1, 3, 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
NDA_DST, NDA_LLADDR, NUD_PERMANENT = 1, 2, 0x80
TABLE_MAIN, PROTO_BOOT, SCOPE_LINK, SCOPE_UNIVERSE, TYPE_UNICAST = 254, 3, 253, 0, 1

_ = warnings
libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Do what is asked until the socket is closed."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    host = os.open("/proc/self/ns/net", os.O_RDONLY)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    gc.disable()  # it would touch, and so copy, all that parent and child share
    while message := channel.recv(LARGEST_REQUEST):
        if os.fork() == 0:
            serve(channel, json.loads(message), host)


def serve(channel: socket.socket, request: dict, host: int) -> None:  # type: ignore[type-arg] # JSON
    """Make the namespaces and turn into the process that holds them; never comes back."""
    answer: dict[str, object] = {"id": request["id"]}
    try:
        make(request, host)
        if holder := request.get("inside"):
            answer["pid"] = holder
            channel.send(json.dumps(answer).encode())
            os._exit(0)
        if "pid" in request["kinds"] and (first := os.fork()):
            answer["pid"] = first
            channel.send(json.dumps(answer).encode())
            os._exit(0)
        if "pid" not in request["kinds"]:
            answer["pid"] = os.getpid()
            channel.send(json.dumps(answer).encode())
        os.setsid()
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        environment = os.environ | request["environment"]
        os.execvpe("catatonit", ["catatonit", "-P"], environment)  # noqa: S606, S607
    except BaseException as error:  # noqa: BLE001 - it must not return into the parent's code
        with contextlib.suppress(OSError):
            channel.send(json.dumps({**answer, "pid": 0, "error": str(error)}).encode())
    os._exit(1)


def make(request: dict, host: int) -> None:  # type: ignore[type-arg] # JSON
    """Go into new namespaces, with the pod's name, kernel settings and network in them."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as outside:
        outside.bind((0, 0))
        if holder := request.get("inside"):
            join(holder)
        elif libc.unshare(sum(FLAGS[kind] for kind in request["kinds"])) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"new namespaces: {os.strerror(number)}")
        if "net" not in request["kinds"]:
            return
        if not holder:
            socket.sethostname(request["hostname"])
        for key, value in request["sysctls"].items():
            try:
                if not key.startswith("net."):  # only the namespace's own root may set it
                    os.seteuid(request.get("users", 0))
                setting = os.open(f"/proc/sys/{key.replace('.', '/')}", os.O_WRONLY)
                os.write(setting, value.encode())
                os.close(setting)
                os.seteuid(0)
            except OSError as error:
                raise OSError(error.errno, f"sysctl {key}={value}: {error.strerror}") from error
        wire(request["ip"], request["interface"], host, outside)


def join(pid: int) -> None:
    """Go into the namespaces that process *pid* has for its pod, with the host's rights."""
    for kind in ("net", "ipc"):
        namespace = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
        if libc.setns(namespace, FLAGS[kind]) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"namespace of process {pid}: {os.strerror(number)}")
        os.close(namespace)


def wire(ip: str, interface: str, host: int, outside: socket.socket) -> None:
    """Join the pod's network namespace, ours, to the machine's by a routed veth pair."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as inside:
        inside.bind((0, 0))
        try:
            ask(inside, veth(interface, host))
        except FileExistsError:  # the kernel is still taking away what had this address before
            with contextlib.suppress(OSError):
                ask(outside, (RTM_DELLINK, 0, link(0, up=False) + text(IFLA_IFNAME, interface)))
            ask(inside, veth(interface, host))
        index = socket.if_nametoindex("eth0")
        address, gateway = socket.inet_aton(ip), socket.inet_aton(GATEWAY)
        on_link = attribute(RTA_OIF, struct.pack("=I", index))
        ask(
            inside,
            (RTM_NEWLINK, 0, link(LOOPBACK)),
            (
                RTM_NEWADDR,
                F_CREATE | F_EXCL,
                struct.pack("=BBBBI", socket.AF_INET, 32, 0, SCOPE_UNIVERSE, index)
                + attribute(IFA_LOCAL, address)
                + attribute(IFA_ADDRESS, address),
            ),
            (
                RTM_NEWROUTE,
                F_CREATE | F_EXCL,
                route(32, SCOPE_LINK) + attribute(RTA_DST, gateway) + on_link,
            ),
            (
                RTM_NEWROUTE,
                F_CREATE | F_EXCL,
                route(0, SCOPE_UNIVERSE)
                + attribute(RTA_GATEWAY, gateway)
                + on_link
                + attribute(RTA_PREFSRC, address),
            ),
            (
                RTM_NEWNEIGH,
                F_CREATE | F_EXCL,
                struct.pack("=BxxxIHBB", socket.AF_INET, index, NUD_PERMANENT, 0, 0)
                + attribute(NDA_DST, gateway)
                + attribute(NDA_LLADDR, mac(GATEWAY_MAC)),
            ),
        )
    asked = fcntl.ioctl(outside, SIOCGIFINDEX, struct.pack("16si20x", interface.encode(), 0))
    (index,) = struct.unpack_from("=16xi", asked)
    on_link = attribute(RTA_OIF, struct.pack("=I", index))
    ask(
        outside,
        (RTM_NEWLINK, 0, link(index)),
        (
            RTM_NEWROUTE,
            F_CREATE | F_REPLACE,
            route(32, SCOPE_LINK) + attribute(RTA_DST, address) + on_link,
        ),
    )


def veth(interface: str, host: int) -> tuple[int, int, bytes]:
    """The request for ``eth0`` here, up, and its other end *interface* in namespace *host*."""
    peer = link(0, up=False) + text(IFLA_IFNAME, interface)
    peer += attribute(IFLA_ADDRESS, mac(GATEWAY_MAC))
    peer += attribute(IFLA_NET_NS_FD, struct.pack("=I", host))
    kind = attribute(IFLA_INFO_KIND, b"veth")
    kind += attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer))
    body = link(0) + text(IFLA_IFNAME, "eth0") + attribute(IFLA_LINKINFO, kind)
    return RTM_NEWLINK, F_CREATE | F_EXCL, body


def link(index: int, *, up: bool = True) -> bytes:
    """The head of a message about interface number *index* (0: the one named in it)."""
    flags = IFF_UP if up else 0
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, flags)


def route(length: int, scope: int) -> bytes:
    """The head of a message about a route to a prefix of *length* bits."""
    kinds = (TABLE_MAIN, PROTO_BOOT, scope, TYPE_UNICAST)
    return struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, *kinds, 0)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def text(kind: int, value: str) -> bytes:
    """An attribute that is a name."""
    return attribute(kind, value.encode() + b"\0")


def mac(address: str) -> bytes:
    """The six bytes of a hardware address."""
    return bytes.fromhex(address.replace(":", ""))


def ask(netlink: socket.socket, *requests: tuple[int, int, bytes]) -> None:
    """Send requests (kind, flags, body) at once; raise the first that the kernel refuses."""
    netlink.send(
        b"".join(
            struct.pack("=IHHII", 16 + len(body), kind, F_REQUEST | F_ACK | flags, 1, 0) + body
            for kind, flags, body in requests
        )
    )
    answers = b""
    refused = 0
    for _request in requests:
        answers = answers or netlink.recv(65536)
        size, answered = struct.unpack_from("=IH", answers)
        (code,) = struct.unpack_from("=i", answers, 16)
        if answered != NLMSG_ERROR:
            raise OSError(errno.EPROTO, "the kernel's answer about its network is no answer")
        refused = refused or -code
        answers = answers[(size + 3) & ~3 :]
    if refused:
        raise OSError(refused, f"its network: {os.strerror(refused)}")


if __name__ == "__main__":
    main()
