"""SPDY/3.1 frames: bytes to values and back. It knows nothing of connections or streams.

Only what kubectl and the kubelet exchange: streams, data, resets, pings and the end. Settings and
window updates are read and passed over, as Kubernetes' own SPDY does no flow control.

Source: SPDY Protocol Draft 3.1; github.com/moby/spdystream as Kubernetes v1.27 to v1.34 uses it.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

import attrs

from engine.adapters.http.streams.spdy_dictionary import DICTIONARY
from engine.errors import AdapterError

FIN = 0x01
_VERSION = 0x8003
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW = (
    *range(1, 5),
    *range(6, 10),
)
_KNOWN = frozenset(
    (_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW)
)
_LARGEST_CONTROL = 1 << 16
_LARGEST_DATA = (1 << 24) - 1
_LARGEST_HEADERS = 1 << 18
_HEADER = 8


class SpdyError(AdapterError):
    """The other side does not speak SPDY/3.1; the message says what came instead."""


@attrs.frozen(kw_only=True)
class SynStream:
    """A new stream, opened by the other side (odd numbers are the client's)."""

    stream: int
    headers: Mapping[str, str]
    is_last: bool = False


@attrs.frozen(kw_only=True)
class SynReply:
    """The stream is accepted."""

    stream: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    is_last: bool = False


@attrs.frozen(kw_only=True)
class Data:
    """A piece of a stream; after the last one its sender says no more on it."""

    stream: int
    data: bytes
    is_last: bool = False


@attrs.frozen(kw_only=True)
class Reset:
    """The stream is over in both directions."""

    stream: int
    status: int = 5


@attrs.frozen(kw_only=True)
class Ping:
    """To be sent back as it came."""

    number: int


@attrs.frozen(kw_only=True)
class GoAway:
    """The other side opens no more streams."""

    last_stream: int = 0
    status: int = 0


Frame = SynStream | SynReply | Data | Reset | Ping | GoAway


@attrs.define(eq=False)
class FrameReader:
    """Cuts a stream of bytes into frames; the pieces may break anywhere."""

    _pending: bytearray = attrs.field(factory=bytearray, init=False)
    _inflater: "zlib._Decompress" = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._inflater = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that *data* completes.

        Raises:
            SpdyError: that is no SPDY/3.1; nothing more can be read.
        """
        pending = self._pending
        pending += data
        while len(pending) >= _HEADER:
            first, second = struct.unpack_from(">II", pending)
            is_control, length = bool(first >> 31), second & 0xFFFFFF
            if is_control and first >> 16 != _VERSION:
                raise SpdyError(f"not a SPDY/3 frame: {bytes(pending[:4]).hex()}")
            if length > (_LARGEST_CONTROL if is_control else _LARGEST_DATA):
                raise SpdyError(f"a frame of {length} bytes is too large")
            if len(pending) < _HEADER + length:
                return
            payload = bytes(pending[_HEADER : _HEADER + length])
            del pending[: _HEADER + length]
            is_last = bool((second >> 24) & FIN)
            if not is_control:
                yield Data(stream=first & 0x7FFFFFFF, data=payload, is_last=is_last)
                continue
            frame = self._control(first & 0xFFFF, payload, is_last=is_last)
            if frame is not None:
                yield frame

    def _control(self, kind: int, payload: bytes, *, is_last: bool) -> Frame | None:
        if kind not in _KNOWN:
            raise SpdyError(f"unknown SPDY frame type {kind}")
        try:
            if kind == _SYN_STREAM:
                (stream,) = struct.unpack_from(">I", payload)
                headers = self._headers(payload[10:])
                return SynStream(stream=stream & 0x7FFFFFFF, headers=headers, is_last=is_last)
            if kind in (_SYN_REPLY, _HEADERS):
                (stream,) = struct.unpack_from(">I", payload)
                headers = self._headers(payload[4:])  # read in any case: they share a dictionary
                if kind == _HEADERS:
                    return None
                return SynReply(stream=stream & 0x7FFFFFFF, headers=headers, is_last=is_last)
            if kind == _RST_STREAM:
                stream, status = struct.unpack_from(">II", payload)
                return Reset(stream=stream & 0x7FFFFFFF, status=status)
            if kind == _PING:
                return Ping(number=struct.unpack_from(">I", payload)[0])
            if kind == _GOAWAY:
                last, status = struct.unpack_from(">II", payload)
                return GoAway(last_stream=last & 0x7FFFFFFF, status=status)
        except struct.error as error:
            raise SpdyError(f"a SPDY frame of type {kind} is cut short") from error
        return None

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            raw = self._inflater.decompress(block, _LARGEST_HEADERS)
        except zlib.error as error:
            raise SpdyError(f"SPDY headers cannot be decompressed: {error}") from error
        if self._inflater.unconsumed_tail:
            raise SpdyError("SPDY headers are too large")
        found: dict[str, str] = {}
        try:
            (count,) = struct.unpack_from(">I", raw)
            at = 4
            for _ in range(min(count, _LARGEST_HEADERS)):
                name, at = _text(raw, at)
                found[name.lower()], at = _text(raw, at)
        except (struct.error, UnicodeDecodeError) as error:
            raise SpdyError("SPDY headers cannot be read") from error
        return found


def _text(raw: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">I", raw, at)
    end = at + 4 + length
    if end > len(raw):
        raise SpdyError("SPDY headers are cut short")
    return raw[at + 4 : end].decode(), end


@attrs.define(eq=False)
class FrameWriter:
    """Frames as bytes. One for each connection and direction: headers share a compression."""

    _deflater: "zlib._Compress" = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._deflater = zlib.compressobj(9, zdict=DICTIONARY)

    def encode(self, frame: Frame) -> bytes:
        """*frame* as it goes over the wire."""
        match frame:
            case Data():
                flags = FIN if frame.is_last else 0
                head = struct.pack(">II", frame.stream, flags << 24 | len(frame.data))
                return head + frame.data
            case SynStream():
                # No stream it belongs to, lowest priority, no slot.
                payload = struct.pack(">IIH", frame.stream, 0, 0) + self._block(frame.headers)
                return _control(_SYN_STREAM, payload, is_last=frame.is_last)
            case SynReply():
                payload = struct.pack(">I", frame.stream) + self._block(frame.headers)
                return _control(_SYN_REPLY, payload, is_last=frame.is_last)
            case Reset():
                return _control(_RST_STREAM, struct.pack(">II", frame.stream, frame.status))
            case Ping():
                return _control(_PING, struct.pack(">I", frame.number))
            case GoAway():
                return _control(_GOAWAY, struct.pack(">II", frame.last_stream, frame.status))

    def _block(self, headers: Mapping[str, str]) -> bytes:
        pieces = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower(), value):
                raw = text.encode()
                pieces += [struct.pack(">I", len(raw)), raw]
        return self._deflater.compress(b"".join(pieces)) + self._deflater.flush(zlib.Z_SYNC_FLUSH)


def _control(kind: int, payload: bytes, *, is_last: bool = False) -> bytes:
    flags = FIN if is_last else 0
    return struct.pack(">HHI", _VERSION, kind, flags << 24 | len(payload)) + payload
