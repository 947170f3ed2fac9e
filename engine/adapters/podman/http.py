"""Requests with whole answers: the hot path to Podman and the probes of pods, and nothing else.

HTTP/1.1 over a unix socket or TCP. It costs a fifth of what a general client does; a pod takes
three requests to start, and is probed every few seconds for as long as it runs.
"""

import asyncio
from typing import cast
from urllib.parse import urlsplit

import attrs

CONNECT_SECONDS = 5.0
KEPT = 8
HEAD_END = b"\r\n\r\n"
BODILESS = frozenset({204, 304})


class HttpBroken(OSError):  # noqa: N818 - an OSError, for who waits for an answer
    """The other side went away, or does not speak HTTP."""


@attrs.frozen(kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


@attrs.define(eq=False)
class Reader:
    """Puts one answer together from the pieces in which it comes.

    Promises:
        * `feed` gives the answer as soon as it is whole, and None before that;
        * pieces may be cut anywhere;
        * with *enough*, so many bytes of a body count as all of it.
    """

    enough: int = 0
    keeps: bool = attrs.field(default=True, init=False)
    _rest: bytearray = attrs.field(factory=bytearray, init=False)
    _status: int = attrs.field(default=0, init=False)
    _length: int | None = attrs.field(default=None, init=False)
    _is_chunked: bool = attrs.field(default=False, init=False)
    _body: bytearray = attrs.field(factory=bytearray, init=False)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has come yet."""
        return not self._status and not self._rest

    def feed(self, piece: bytes) -> Answer | None:
        """Take the next *piece*.

        Raises:
            HttpBroken: this is no answer.
        """
        self._rest += piece
        try:
            while not self._status:
                if not self._read_head():
                    return None
            return self._read_body()
        except (ValueError, IndexError) as error:
            raise HttpBroken(f"not an answer of HTTP: {error}") from error

    def end(self) -> Answer | None:
        """The connection has ended: the answer, if that was its end."""
        if self._status and self._length is None and not self._is_chunked:
            return Answer(status=self._status, body=bytes(self._rest))
        return None

    def _read_head(self) -> bool:
        end = self._rest.find(HEAD_END)
        if end < 0:
            return False
        head = bytes(self._rest[:end]).lower()
        del self._rest[: end + len(HEAD_END)]
        protocol, status = head.split(b" ", 2)[:2]
        if not protocol.startswith(b"http/1."):
            raise ValueError(head[:40])
        if status.startswith(b"1"):
            return True  # an interim answer: the real one follows
        self._status = int(status[:3])
        length = _field(head, b"\r\ncontent-length:")
        self._length = int(length) if length else None
        self._is_chunked = _field(head, b"\r\ntransfer-encoding:") == b"chunked"
        self.keeps = _field(head, b"\r\nconnection:") != b"close"
        if self._status in BODILESS:
            self._length, self._is_chunked = 0, False
        if self._length is None and not self._is_chunked:
            self.keeps = False
        return True

    def _read_body(self) -> Answer | None:
        if self.enough and len(self._body) + len(self._rest) >= self.enough:
            self.keeps = False
            whole = self._body if self._is_chunked else self._rest
            return Answer(status=self._status, body=bytes(whole[: self.enough]))
        if self._is_chunked:
            return self._read_chunks()
        if self._length is None or len(self._rest) < self._length:
            return None
        return Answer(status=self._status, body=bytes(self._rest[: self._length]))

    def _read_chunks(self) -> Answer | None:
        while True:
            line = self._rest.find(b"\r\n")
            if line < 0:
                return None
            size = int(self._rest[:line].split(b";", 1)[0], 16)
            end = line + 2 + size
            if len(self._rest) < end + 2:
                return None
            self._body += self._rest[line + 2 : end]
            del self._rest[: end + 2]
            if not size:
                return Answer(status=self._status, body=bytes(self._body))


def _field(head: bytes, name: bytes) -> bytes:
    """The value of the header *name*, which has its line's beginning and its colon; or nothing."""
    begin = head.find(name)
    if begin < 0:
        return b""
    begin += len(name)
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else None].strip()


@attrs.define(eq=False)
class Connection(asyncio.Protocol):
    """One connection, for one request at a time."""

    _transport: asyncio.Transport | None = attrs.field(default=None, init=False)
    _reader: Reader = attrs.field(factory=Reader, init=False)
    _waiting: asyncio.Future[Answer] | None = attrs.field(default=None, init=False)

    @property
    def is_open(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes, *, enough: int = 0) -> Answer:
        """Send *request* and wait for its answer, or for the first *enough* bytes of its body.

        Raises:
            HttpBroken: the connection ended before.
        """
        assert self._transport is not None
        self._reader = Reader(enough)
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(request)
            answer = await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            self._waiting = None
        if not self._reader.keeps:
            self.close()
        return answer

    def give_up(self) -> None:
        """Let who waits for an answer have a TimeoutError, and close the connection."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(TimeoutError())

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # libuv's is none by its class

    def data_received(self, data: bytes) -> None:
        """Take a piece; called by asyncio."""
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody has asked for anything
            return
        try:
            answer = self._reader.feed(data)
        except HttpBroken as error:
            self._waiting.set_exception(error)
            return
        if answer is not None:
            self._waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Notice the end; called by asyncio."""
        self._transport = None
        if self._waiting is None or self._waiting.done():
            return
        answer = self._reader.end()
        if answer is not None:
            self._waiting.set_result(answer)
        else:
            self._waiting.set_exception(HttpBroken(str(exc or "the connection was closed")))


@attrs.define(eq=False)
class Connections:
    """The connections to the server at *url* (``unix://PATH`` or ``tcp://HOST:PORT``)."""

    url: str
    _idle: list[Connection] = attrs.field(factory=list, init=False)
    _busy: set[Connection] = attrs.field(factory=set, init=False)

    async def ask(self, method: str, target: str, body: bytes | None, *, seconds: float) -> Answer:
        """The answer to one request; *target* is its path with its query, *body* is JSON.

        Raises:
            OSError: the server is not there, or went away meanwhile.
            TimeoutError: it had no answer within *seconds*.
        """
        length = b"" if body is None else b"\r\nContent-Length: %d" % len(body)
        if body is None and method == "POST":
            length = b"\r\nContent-Length: 0"
        head = f"{method} {target} HTTP/1.1\r\nHost: podman\r\nContent-Type: application/json"
        request = head.encode() + length + HEAD_END + (body or b"")
        connection = self._take() or await self._open()
        # What asyncio.timeout does, at a third of its price.
        late = asyncio.get_running_loop().call_later(seconds, connection.give_up)
        self._busy.add(connection)
        try:
            answer = await connection.ask(request)
        finally:
            late.cancel()
            self._busy.discard(connection)
        if connection.is_open and len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Close them all; who waits for an answer is told."""
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            if self.url.startswith("unix://"):
                path = self.url.removeprefix("unix://")
                _, connection = await loop.create_unix_connection(Connection, path)
            else:
                parts = urlsplit(self.url)
                _, connection = await loop.create_connection(
                    Connection, parts.hostname or "127.0.0.1", parts.port or 80
                )
        return connection


async def get(host: str, port: int, request: bytes, *, enough: int) -> Answer:
    """The answer to a whole *request* for GET, with at least *enough* bytes of its body.

    Raises:
        OSError: nobody listens there; `HttpBroken` if somebody does and gives no answer.
    """
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, host, port)
    try:
        return await connection.ask(request, enough=enough)
    finally:
        connection.close()
