"""The client's side of the API server's benchmark: many connections, little Python in between."""

import asyncio
import itertools
import json
import os
import selectors
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import attrs

from tui.kubeconfig import ServerAccess, read_kubeconfig

CONNECTIONS = 64
BEATS_AT_ONCE = 16
WAIT_SECONDS = 120.0


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """What of the process is in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024 / 1e6
    raise AssertionError(f"no VmRSS for process {pid}")


def pod(number: int, *, namespace: str = "default") -> dict[str, Any]:
    """A pod as a JSON client sends it."""
    requests = {"cpu": "100m", "memory": "100Mi"}
    container = {"name": "c", "image": "registry.k8s.io/pause:3.10"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"pod-{number}", "namespace": namespace, "labels": {"app": "bench"}},
        "spec": {"containers": [{**container, "resources": {"requests": requests}}]},
    }


def node(number: int) -> dict[str, Any]:
    """A ready node, of which nobody plays the kubelet."""
    room = {"cpu": "32", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    name = f"bench-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    }


def lease(number: int) -> dict[str, Any]:
    """The sign of life of a node."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": f"bench-{number}", "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": f"bench-{number}", "leaseDurationSeconds": 40, **_renewed()},
    }


def _renewed() -> dict[str, Any]:
    return {"renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())}


@attrs.define
class JsonClient:
    """HTTP/1.1 with JSON over as many connections as `CONNECTIONS`, as the API is served: TLS."""

    access: ServerAccess
    _session: aiohttp.ClientSession = attrs.field(init=False)

    @classmethod
    def of(cls, kubeconfig: Path) -> "JsonClient":
        """A client of the cluster that *kubeconfig* leads to."""
        return cls(read_kubeconfig(kubeconfig))

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=self.access.tls())
        self._session = aiohttp.ClientSession(
            base_url=self.access.server,
            connector=connector,
            headers={"User-Agent": "bench/1", **self.access.headers()},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(self, method: str, path: str, body: Any, *, form: str = "") -> dict[str, Any]:
        """The answer to a request with a body.

        Raises:
            AssertionError: it is refused.
        """
        headers = {"Content-Type": form or "application/json"}
        data = json.dumps(body).encode()
        async with self._session.request(method, path, data=data, headers=headers) as answer:
            text = await answer.read()
            assert answer.status < 300, f"{method} {path}: {answer.status} {text[:300]!r}"
            found: dict[str, Any] = json.loads(text)
            return found

    async def create_all(self, path: str, objects: Iterator[dict[str, Any]]) -> None:
        """Create *objects* from all connections at once."""

        async def work() -> None:
            for obj in objects:
                await self.send("POST", path, obj)

        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))

    async def keep_alive(self, path: str, count: int) -> None:
        """Renew the leases of *count* nodes, each about every 20 seconds, until cancelled."""
        numbers = itertools.cycle(range(count))

        async def work() -> None:
            for number in numbers:
                merge = "application/merge-patch+json"
                body = {"spec": _renewed()}
                await self.send("PATCH", f"{path}/bench-{number}", body, form=merge)
                await asyncio.sleep(20 * BEATS_AT_ONCE / count)

        await asyncio.gather(*(work() for _ in range(BEATS_AT_ONCE)))

    async def get(self, path: str, *, form: str = "application/json") -> bytes:
        """The body of an uncompressed answer."""
        headers = {"Accept": form, "Accept-Encoding": "identity"}
        async with self._session.get(path, headers=headers) as answer:
            text = await answer.read()
            assert answer.status == 200, f"GET {path}: {answer.status} {text[:300]!r}"
            return text

    async def wait_until_bound(self, path: str) -> None:
        """Return when every pod of *path* has a node."""
        began = time.monotonic()
        while True:
            some = await self.get(f"{path}?fieldSelector=spec.nodeName%3D&limit=1")
            if not json.loads(some)["items"]:
                return
            assert time.monotonic() - began < WAIT_SECONDS, "pods are left without a node"
            await asyncio.sleep(0.2)


@attrs.define(eq=False)
class Watchers:
    """Many watches, each on a connection of its own, read by one selector without a task each."""

    access: ServerAccess
    path: str
    count: int
    _sockets: list[ssl.SSLSocket] = attrs.field(factory=list, init=False)
    _selector: selectors.BaseSelector = attrs.field(factory=selectors.DefaultSelector, init=False)

    def open(self) -> None:
        """Connect them all and wait until each has the head of its answer."""
        where = urlsplit(self.access.server)
        context = self.access.tls()
        assert isinstance(context, ssl.SSLContext)
        ask = (
            f"GET {self.path} HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: application/json\r\n\r\n"
        )
        for _ in range(self.count):
            plain = socket.create_connection((where.hostname or "", where.port or 443))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secured = context.wrap_socket(plain, server_hostname=where.hostname)
            secured.sendall(ask.encode())
            self._sockets.append(secured)
        for secured in self._sockets:
            head = b""
            while b"\r\n\r\n" not in head:
                head += secured.recv(65536)
            assert b" 200 " in head.split(b"\r\n", 1)[0], head[:200]
            secured.setblocking(False)
            self._selector.register(secured, selectors.EVENT_READ)

    def wait_for_all(self, mark: bytes) -> list[float]:
        """When each of the watchers had read something that contains *mark*; ends with the last."""
        times: list[float] = []
        seen: set[int] = set()
        limit = time.perf_counter() + WAIT_SECONDS
        while len(times) < self.count:
            assert time.perf_counter() < limit, f"{self.count - len(times)} never heard of it"
            for key, _ in self._selector.select(1.0):
                secured = key.fileobj
                assert isinstance(secured, ssl.SSLSocket)
                try:
                    text = secured.recv(65536)
                except ssl.SSLWantReadError:
                    continue
                assert text, "a watch ended early"
                if mark in text and key.fd not in seen:
                    seen.add(key.fd)
                    times.append(time.perf_counter())
        return times

    def close(self) -> None:
        """Close every connection."""
        for secured in self._sockets:
            secured.close()
        self._selector.close()


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return sorted(values)[len(values) // 2]
