"""attach: what a client hears that comes while the process ends, or just before."""

import asyncio
from pathlib import Path

import attrs

from engine.adapters.podman.client import PodmanClient
from engine.adapters.podman.records import Container, Sandbox
from engine.adapters.podman.streams.attaching import attach_to
from engine.cri.commands import PodIdentity
from engine.cri.streams import STDOUT, StreamOptions, TerminalSize

UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


@attrs.define
class Listener:
    """A client that says nothing."""

    heard: bytes = b""

    async def read(self) -> bytes:
        """Nothing."""
        return b""

    async def write(self, data: bytes, stream: int = STDOUT) -> None:
        """Keep it."""
        self.heard += data

    async def resized(self) -> TerminalSize | None:
        """Never."""
        return None


async def listen(folder: Path, said: bytes) -> bytes:
    """What a client hears of an ended process that says *said* on the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(UPGRADED + said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    path, log = folder / "podman.sock", folder / "ctr.log"
    log.write_text("2026-01-01T00:00:00.000000000+00:00 stdout F bye\n")
    pod = PodIdentity(namespace="default", name="web", uid="u")
    sandbox = Sandbox(id="s", pod=pod, attempt=0, ip="", folder=folder)
    container = Container(
        id="c", sandbox=sandbox, name="main", attempt=0, image="x",
        started_at=1.0, finished_at=2.0, log=log,
    )  # fmt: skip
    client, listener = PodmanClient(f"unix://{path}"), Listener()
    async with await asyncio.start_unix_server(answer, path):
        await attach_to(client, container, StreamOptions(tty=True, stdout=True), listener)
    await client.close()
    return listener.heard


async def test_who_comes_too_late_gets_the_log(tmp_path: Path) -> None:
    """The process has said all before anybody listened."""
    assert await listen(tmp_path, b"") == b"bye\n"


async def test_a_connection_that_breaks_with_the_process_is_no_word_of_it(tmp_path: Path) -> None:
    """Podman tells of it in the stream itself."""
    said = b"Error: read unixpacket @->/proc/self/fd/18/attach: read: connection reset by peer\n"

    assert await listen(tmp_path, said) == b"bye\n"


async def test_what_was_heard_is_not_repeated(tmp_path: Path) -> None:
    """A client that was there in time hears everything once."""
    assert await listen(tmp_path, b"bye\r\n") == b"bye\r\n"
