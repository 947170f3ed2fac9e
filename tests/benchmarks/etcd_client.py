"""A gRPC client for etcd that does as little as it can, so that etcd is measured and not Python.

HTTP/2 frames by hand, headers without compression state, answers counted by their last frame.
"""

import asyncio
import socket
import struct
from collections.abc import Iterable

import attrs

_HEADERS, _DATA, _SETTINGS, _PING, _WINDOW_UPDATE = 1, 0, 4, 6, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_HUGE = 2**31 - 1 - 65535


def varint(number: int) -> bytes:
    """A protobuf varint."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, value: bytes | int) -> bytes:
    """One protobuf field: bytes, or an integer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def put_request(key: bytes, value: bytes) -> bytes:
    """An etcdserverpb.PutRequest."""
    return field(1, key) + field(2, value)


def range_request(key: bytes, end: bytes, revision: int = 0) -> bytes:
    """An etcdserverpb.RangeRequest."""
    return field(1, key) + field(2, end) + (field(4, revision) if revision else b"")


def _literal(name: str, value: str) -> bytes:
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


# Both windows as large as they may be, so that answers of any size need no updates.
_PREFACE = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    + _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, 2**31 - 1))
    + _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _HUGE))
)


def _headers(method: str) -> bytes:
    return b"".join(
        (
            _literal(":method", "POST"),
            _literal(":scheme", "http"),
            _literal(":path", f"/etcdserverpb.KV/{method}"),
            _literal(":authority", "localhost"),
            _literal("content-type", "application/grpc"),
            _literal("te", "trailers"),
        )
    )


def _call(stream: int, headers: bytes, request: bytes) -> bytes:
    body = b"\0" + struct.pack(">I", len(request)) + request
    data = _frame(_DATA, _END_STREAM, stream, body)
    return _frame(_HEADERS, _END_HEADERS, stream, headers) + data


class AsyncGrpcClient(asyncio.Protocol):
    """One connection whose calls are awaited, as an asyncio program would use etcd."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._next_stream = 1
        self._buffer = bytearray()
        self._headers = _headers("Put")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_PREFACE)

    def put(self, request: bytes) -> "asyncio.Future[None]":
        """Put; done when etcd has answered."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        done = self._waiting[stream] = asyncio.get_running_loop().create_future()
        self._transport.write(_call(stream, self._headers, request))
        return done

    def data_received(self, data: bytes) -> None:
        """Wake who waits for the answers in *data*."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 9:
            length = int.from_bytes(buffer[at : at + 3])
            if len(buffer) - at < 9 + length:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                payload = bytes(buffer[at + 9 : at + 9 + length]) if kind == _PING else b""
                self._transport.write(_frame(kind, _ACK, 0, payload))
            elif kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                stream = int.from_bytes(buffer[at + 5 : at + 9])
                self._waiting.pop(stream).set_result(None)
            at += 9 + length
        del buffer[:at]

    def close(self) -> None:
        """End the connection."""
        self._transport.close()


@attrs.define(eq=False)
class GrpcClient:
    """One connection to etcd, with as many calls in flight as asked for."""

    port: int
    _socket: socket.socket = attrs.field(init=False)
    _buffer: bytearray = attrs.field(factory=bytearray, init=False)
    _next_stream: int = attrs.field(default=1, init=False)
    received: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(_PREFACE)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def call_all(self, method: str, requests: Iterable[bytes], *, in_flight: int = 1) -> int:
        """Make all calls, *in_flight* at a time, each answer letting the next one go; how many."""
        headers = _headers(method)
        waiting, done = 0, 0
        source = iter(requests)
        free = in_flight
        while True:
            out = bytearray()
            while free and (request := next(source, None)) is not None:
                stream, self._next_stream = self._next_stream, self._next_stream + 2
                out += _call(stream, headers, request)
                free, waiting = free - 1, waiting + 1
            if out:
                self._socket.sendall(out)
            if not waiting:
                return done
            ended = self._receive()
            free, waiting, done = free + ended, waiting - ended, done + ended

    def _receive(self) -> int:
        """Read what is there; how many calls it ended."""
        chunk = self._socket.recv(1 << 20)
        if not chunk:
            raise ConnectionError("etcd ended the connection")
        self.received += len(chunk)
        buffer = self._buffer
        buffer += chunk
        at, ended = 0, 0
        while len(buffer) - at >= 9:
            length = int.from_bytes(buffer[at : at + 3])
            if len(buffer) - at < 9 + length:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            if kind in (_SETTINGS, _PING) and not flags & _ACK:
                payload = bytes(buffer[at + 9 : at + 9 + length]) if kind == _PING else b""
                self._socket.sendall(_frame(kind, _ACK, 0, payload))
            elif kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                ended += 1
            elif kind in (3, 7):
                raise ConnectionError(f"etcd refused: frame {kind} {bytes(buffer[at : at + 40])!r}")
            at += 9 + length
        del buffer[:at]
        return ended
