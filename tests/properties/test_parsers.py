"""Frames, selectors, JSON paths and field sets: any input is read, or refused in one way."""

import contextlib
import struct
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

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
from engine.adapters.http.streams.upgrade import Channels
from engine.api.selectors import parse_field_selector, parse_selector
from engine.apiserver.customresources.jsonpath import find, parse
from engine.apiserver.fieldpaths import compare, difference, intersection, is_fields, union

TRIES = settings(max_examples=300, deadline=None)
NUMBERS = st.integers(1, 2**31 - 1)
TEXTS = st.text(max_size=10)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(SynStream, stream=NUMBERS, headers=st.dictionaries(st.just("a"), TEXTS)),
    st.builds(SynReply, stream=NUMBERS, headers=st.just({}), is_last=st.booleans()),
    st.builds(Data, stream=NUMBERS, data=st.binary(max_size=30), is_last=st.booleans()),
    st.builds(Reset, stream=NUMBERS, status=st.integers(1, 11)),
    st.builds(Ping, number=NUMBERS),
    st.builds(GoAway, last_stream=NUMBERS, status=st.integers(0, 2)),
)
CONTROL = st.builds(
    lambda kind, length, payload: struct.pack(">HHI", 0x8003, kind, length) + payload,
    st.integers(0, 12),
    st.integers(0, 40),
    st.binary(max_size=40),
)


@TRIES
@given(frames=st.lists(FRAMES, max_size=6), cut=st.integers(1, 50))
def test_frames_come_back_however_they_are_cut(frames: list[Frame], cut: int) -> None:
    """The pieces in which bytes arrive make no difference."""
    writer, reader = FrameWriter(), FrameReader()
    data = b"".join(writer.encode(frame) for frame in frames)

    found = [
        frame
        for start in range(0, len(data), cut)
        for frame in reader.feed(data[start : start + cut])
    ]

    assert found == frames


@TRIES
@given(pieces=st.lists(st.one_of(st.binary(max_size=30), CONTROL), max_size=5))
def test_noise_is_no_spdy(pieces: list[bytes]) -> None:
    """What is no frame ends the connection with its one error."""
    reader = FrameReader()

    with contextlib.suppress(SpdyError):
        for piece in pieces:
            list(reader.feed(piece))


@TRIES
@given(message=st.binary(max_size=20), is_base64=st.booleans())
async def test_any_message_has_a_channel_or_none(message: bytes, is_base64: bool) -> None:
    """A WebSocket message that is none of a channel is passed over."""
    channels = Channels(None, is_base64=is_base64)  # type: ignore[arg-type]  # nothing is sent

    await channels._take(message)


SELECTORS = st.one_of(
    st.text(max_size=20), st.text(alphabet="ab=!,() innotexists.-_/", max_size=24)
)


@TRIES
@given(text=SELECTORS)
def test_any_text_is_a_selector_or_a_value_error(text: str) -> None:
    """Label and field selectors."""
    with contextlib.suppress(ValueError):
        parse_selector(text).matches({"a": "b"})
    with contextlib.suppress(ValueError):
        parse_field_selector(text)


@TRIES
@given(path=st.one_of(st.text(max_size=12), st.text(alphabet=".[]()?@=='\"*:-{}ab01", max_size=20)))
def test_any_text_is_a_json_path_or_a_value_error(path: str) -> None:
    """The paths of printer columns."""
    with contextlib.suppress(ValueError):
        parse(path)
        find({"a": [{"b": 1}, {"b": "x"}], "b": {"a": None}}, path)


TREES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(0, 2), st.sampled_from("ab"), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@TRIES
@given(before=OBJECTS, after=OBJECTS)
def test_what_is_the_same_is_no_difference(before: Any, after: Any) -> None:
    """Fields that were added, changed or removed; none between equal objects; sets behave."""
    found = compare(before, after, None)
    same = compare(after, after, None)

    assert (same.added, same.modified, same.removed) == ({}, {}, {})
    for fields in (found.added, found.modified, found.removed):
        assert is_fields(fields)
        assert difference(fields, fields) == {}
        assert union(fields, fields) == fields
        assert intersection(fields, fields) == fields
