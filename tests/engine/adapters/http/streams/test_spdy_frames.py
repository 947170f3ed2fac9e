"""SPDY/3.1 frames: what is written is read, in any pieces; what is not SPDY is refused."""

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.adapters.http.streams.spdy_dictionary import DICTIONARY
from engine.adapters.http.streams.spdy_frames import (
    Data,
    Frame,
    FrameReader,
    FrameWriter,
    GoAway,
    Ping,
    Reset,
    SpdyError,
    SynReply,
    SynStream,
)

NUMBERS = st.integers(min_value=1, max_value=2**31 - 1)
HEADERS = st.dictionaries(
    st.text(alphabet="abcdefgh-", min_size=1, max_size=12), st.text(max_size=40), max_size=5
)
FRAMES = st.one_of(
    st.builds(SynStream, stream=NUMBERS, headers=HEADERS, is_last=st.booleans()),
    st.builds(SynReply, stream=NUMBERS, headers=HEADERS, is_last=st.booleans()),
    st.builds(Data, stream=NUMBERS, data=st.binary(max_size=300), is_last=st.booleans()),
    st.builds(Reset, stream=NUMBERS, status=NUMBERS),
    st.builds(Ping, number=NUMBERS),
    st.builds(GoAway, last_stream=NUMBERS, status=NUMBERS),
)


def test_the_dictionary_is_that_of_the_protocol() -> None:
    """Length and checksum of the published dictionary; every other implementation has the same."""
    assert len(DICTIONARY) == 1423
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


@given(st.lists(FRAMES, max_size=6), st.integers(min_value=1, max_value=50))
def test_frames_come_out_as_they_went_in(frames: list[Frame], size: int) -> None:
    """Whatever the pieces in which the bytes arrive."""
    writer, reader = FrameWriter(), FrameReader()
    sent = b"".join(writer.encode(frame) for frame in frames)

    found = [
        frame for at in range(0, len(sent), size) for frame in reader.feed(sent[at : at + size])
    ]

    assert found == frames


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=60))
def test_garbage_is_refused_and_never_crashes(garbage: bytes, size: int) -> None:
    """Any bytes are frames, wait for more, or are a SpdyError."""
    reader = FrameReader()
    try:
        for at in range(0, len(garbage), size):
            list(reader.feed(garbage[at : at + size]))
    except SpdyError:
        pass


@given(st.integers(0, 9), st.integers(0, 255), st.binary(max_size=200))
def test_garbage_in_a_control_frame_never_crashes(kind: int, flags: int, payload: bytes) -> None:
    """A well-formed head with anything behind it."""
    head = bytes((0x80, 3, 0, kind, flags)) + len(payload).to_bytes(3, "big")
    with contextlib.suppress(SpdyError):
        list(FrameReader().feed(head + payload))


def test_headers_that_inflate_without_end_are_refused() -> None:
    """A compression bomb stays small."""
    deflater = zlib.compressobj(9, zdict=DICTIONARY)
    block = deflater.compress(b"\0" * 5_000_000) + deflater.flush(zlib.Z_SYNC_FLUSH)
    payload = b"\0\0\0\1" + b"\0" * 6 + block
    head = bytes((0x80, 3, 0, 1, 0)) + len(payload).to_bytes(3, "big")

    with pytest.raises(SpdyError, match="too large"):
        list(FrameReader().feed(head + payload))
