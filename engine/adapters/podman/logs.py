"""Container logs as conmon writes them (k8s-file), read back in the pieces kubectl asks for."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from engine.cri.runtime import LogOptions

BLOCK = 1 << 16
POLL_SECONDS = 0.1


def render(line: bytes, *, since: float | None, timestamps: bool) -> bytes:
    """One line of the file as the reader gets it; empty if it is older than *since*.

    ``TIME STREAM F text`` is a whole line, ``TIME STREAM P text`` a part without its end.
    """
    stamp, _, rest = line.partition(b" ")
    _, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if since is not None and datetime.fromisoformat(stamp.decode()).timestamp() < since:
        return b""
    body = text if tag == b"F" else text.removesuffix(b"\n")
    # conmon writes its own offset from UTC; Kubernetes shows the zone as a letter.
    return stamp.replace(b"+00:00", b"Z") + b" " + body if timestamps else body


def tail_offset(path: Path, lines: int) -> int:
    """Where the last *lines* whole lines of the file begin."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        missing, position = lines + 1, end
        while position > 0:
            start = max(0, position - BLOCK)
            file.seek(start)
            block = file.read(position - start)
            at = len(block)
            while (at := block.rfind(b"\n", 0, at)) >= 0:
                is_last = start + at == end - 1
                missing -= 1
                if missing == 0 and not is_last:
                    return start + at + 1
            position = start
    return end if lines == 0 else 0


async def read_log(
    path: Path, options: LogOptions, *, has_ended: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The log in pieces; with *follow* until *has_ended* says that nothing will come any more."""
    while not os.path.exists(path):  # noqa: ASYNC240, PTH110 - a local file
        if not options.follow or has_ended():
            return
        await asyncio.sleep(POLL_SECONDS)
    offset = 0 if options.tail is None else tail_offset(path, options.tail)
    left = options.limit_bytes
    partial = b""
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(open(path, "rb"))  # noqa: ASYNC230, PTH123 - read in blocks
        file.seek(offset)
        while True:
            # Before reading, so that what was written last is read.
            is_over = not options.follow or has_ended()
            is_replaced = _is_replaced(file.fileno(), path)
            while block := file.read(BLOCK):
                *lines, partial = (partial + block).split(b"\n")
                rendered = b"".join(
                    render(line + b"\n", since=options.since, timestamps=options.timestamps)
                    for line in lines
                )
                if left is not None:
                    rendered = rendered[:left]
                    left -= len(rendered)
                if rendered:
                    yield rendered
                if left == 0:
                    return
            if is_replaced:
                opened.close()
                file = opened.enter_context(open(path, "rb"))  # noqa: ASYNC230, PTH123
                continue
            if is_over:
                return
            await asyncio.sleep(POLL_SECONDS)


def _is_replaced(descriptor: int, path: Path) -> bool:
    """Whether the open file has been put aside and another one begun at *path*."""
    try:
        return os.stat(path).st_ino != os.fstat(descriptor).st_ino  # noqa: PTH116 - every 0.1 s
    except OSError:
        return False  # just being replaced, or gone with its container
