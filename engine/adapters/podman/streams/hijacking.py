"""Podman's own hijacked connections, and exec through them.

Source: POST /exec/ID/start and /containers/X/attach of the libpod API: 101, then raw bytes with a
terminal, else frames of 8 bytes head (stream, three zeros, length) and payload.
"""

import asyncio
import contextlib
import json
import struct
from urllib.parse import urlencode, urlsplit

import attrs

from engine.adapters.podman.client import API, PodmanClient, PodmanError, PodmanGone
from engine.adapters.podman.records import Container
from engine.cri.streams import STDERR, STDOUT, StreamFailure, StreamIO, StreamOptions
from engine.errors import AdapterError

_HEAD_LIMIT = 1 << 16
_BLOCK = 1 << 16
_HIJACK_SECONDS = 30.0


@attrs.frozen
class Connection:
    """A hijacked connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def exec_through(
    client: PodmanClient, container: Container, options: StreamOptions, io: StreamIO
) -> int:
    """Run a command through Podman; its exit code.

    Raises:
        StreamFailure: Podman refuses.
    """
    settings = {
        "Cmd": list(options.command),
        "AttachStdin": options.stdin,
        "AttachStdout": options.stdout or options.tty,
        "AttachStderr": options.stderr,
        "Tty": options.tty,
        "DetachKeys": "",
    }
    try:
        made = await client.post(f"/containers/{container.id}/exec", settings)
        session = str(made["Id"])
        body = {"Detach": False, "Tty": options.tty}
        connection = await hijack(client, f"/exec/{session}/start", body=body)
    except (AdapterError, OSError, TimeoutError) as error:
        text = str(error)
        if "not found" in text or "no such file" in text:
            await io.write(f"{text}\n".encode(), STDERR)
            return 127
        if "permission denied" in text:
            await io.write(f"{text}\n".encode(), STDERR)
            return 126
        raise StreamFailure(f"error executing command in container: {error}") from error
    await carry(client, connection, options, io, f"/exec/{session}/resize")
    with contextlib.suppress(AdapterError):
        status = await client.get(f"/exec/{session}/json")
        return int(status.get("ExitCode") or 0)
    raise StreamFailure("error executing command in container: Podman lost it")


async def hijack(
    client: PodmanClient,
    path: str,
    *,
    params: dict[str, str] | None = None,
    body: object = None,
) -> Connection:
    """POST, and take the connection over.

    Raises:
        PodmanError: Podman refuses.
        PodmanGone: it does not answer.
        OSError: it cannot be reached.
    """
    url = client.url
    if url.startswith("unix://"):
        opening = asyncio.open_unix_connection(url.removeprefix("unix://"))
        prefix, host = "", "podman"
    else:
        parts = urlsplit(url)
        opening = asyncio.open_connection(parts.hostname, parts.port or 8080)
        prefix, host = parts.path.rstrip("/"), parts.netloc
    async with asyncio.timeout(_HIJACK_SECONDS):
        connection = Connection(*await opening)
        try:
            raw = b"" if body is None else json.dumps(body).encode()
            target = f"{prefix}{API}{path}" + (f"?{urlencode(params)}" if params else "")
            head = (
                f"POST {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
            )
            connection.writer.write(head.encode() + raw)
            await connection.writer.drain()
            answer = await connection.reader.readuntil(b"\r\n\r\n")
            await _check(path, answer, connection.reader)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            await connection.close()
            raise PodmanGone(f"POST {path}: {error!r}") from error
        except BaseException:
            await connection.close()
            raise
    return connection


async def _check(path: str, answer: bytes, reader: asyncio.StreamReader) -> None:
    code = int(answer.split(None, 2)[1])
    if code not in (101, 200):
        raise PodmanError(f"POST {path}", code, await _words(reader, answer))


async def _words(reader: asyncio.StreamReader, head: bytes) -> str:
    """What Podman says in the body of a refusal."""
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    raw = await reader.readexactly(length) if 0 < length < _HEAD_LIMIT else b""
    try:
        return str(json.loads(raw).get("message", ""))
    except (ValueError, AttributeError):
        return raw.decode(errors="replace").strip()


async def carry(
    client: PodmanClient,
    connection: Connection,
    options: StreamOptions,
    io: StreamIO,
    resize: str,
) -> None:
    """Join *io* to *connection* until that ends; *resize* is where its terminal gets its size."""
    tasks = [asyncio.create_task(_feed(connection, io))] if options.stdin else []
    if options.tty:
        tasks.append(asyncio.create_task(_resize(client, resize, io)))
    try:
        if options.tty:
            while data := await connection.reader.read(_BLOCK):
                await io.write(data)
        else:
            await _frames(connection.reader, io)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await connection.close()


async def _feed(connection: Connection, io: StreamIO) -> None:
    with contextlib.suppress(OSError):
        while data := await io.read():
            connection.writer.write(data)
            await connection.writer.drain()
        connection.writer.write_eof()


async def _frames(reader: asyncio.StreamReader, io: StreamIO) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readexactly(8)
            stream, length = head[0], struct.unpack(">I", head[4:])[0]
            while length:
                data = await reader.read(min(length, _BLOCK))
                if not data:
                    return
                length -= len(data)
                await io.write(data, STDERR if stream == STDERR else STDOUT)


async def _resize(client: PodmanClient, path: str, io: StreamIO) -> None:
    while (size := await io.resized()) is not None:
        with contextlib.suppress(AdapterError):
            await client.post(path, h=str(size.height), w=str(size.width))
