"""Container logs read back."""

from pathlib import Path

import pytest

from engine.adapters.podman.logs import read_log
from engine.cri.runtime import LogOptions

LINES = (
    "2026-01-01T00:00:00.000000001Z stdout F one\n"
    "2026-01-01T00:00:10.000000001Z stderr F two\n"
    "2026-01-01T00:00:20.000000001Z stdout P thr\n"
    "2026-01-01T00:00:20.000000002Z stdout F ee\n"
)
NEW_YEAR = 1767225600.0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(LogOptions(), b"one\ntwo\nthree\n", id="whole"),
        pytest.param(LogOptions(tail=0), b"", id="nothing"),
        pytest.param(LogOptions(tail=3), b"two\nthree\n", id="tail"),
        pytest.param(LogOptions(tail=9), b"one\ntwo\nthree\n", id="longer tail than log"),
        pytest.param(LogOptions(since=NEW_YEAR + 5), b"two\nthree\n", id="since"),
        pytest.param(LogOptions(limit_bytes=5), b"one\nt", id="limit"),
        pytest.param(
            LogOptions(tail=1, timestamps=True),
            b"2026-01-01T00:00:20.000000002Z ee\n",
            id="timestamps",
        ),
    ],
)
async def test_options_choose_the_part(
    tmp_path: Path, options: LogOptions, expected: bytes
) -> None:
    """Each option of `kubectl logs` gives its part of the log."""
    path = tmp_path / "ctr.log"
    path.write_text(LINES)

    read = b"".join([piece async for piece in read_log(path, options, has_ended=lambda: True)])

    assert read == expected


async def test_missing_file_is_an_empty_log(tmp_path: Path) -> None:
    """A container that never said anything has a log all the same."""
    pieces = [p async for p in read_log(tmp_path / "no", LogOptions(), has_ended=lambda: True)]

    assert pieces == []


async def test_who_follows_reads_on_in_the_file_that_comes_next(tmp_path: Path) -> None:
    """A log that is put aside while it is followed costs no line."""
    log = tmp_path / "web.0.log"
    log.write_bytes(b"2026-01-01T00:00:00Z stdout F one\n")
    is_over = False
    pieces = read_log(log, LogOptions(follow=True), has_ended=lambda: is_over)

    first = await anext(pieces)
    log.rename(tmp_path / "web.0.log.1")
    log.write_bytes(b"2026-01-01T00:00:01Z stdout F two\n")
    second = await anext(pieces)
    is_over = True

    assert (first, second) == (b"one\n", b"two\n")
    assert [piece async for piece in pieces] == []
