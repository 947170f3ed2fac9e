"""How much there is of what could leak, and by how much it grew. It knows nothing of pods."""

import functools
import gc
import os
import sys
from pathlib import Path

import attrs

from tests.benchmarks.harness import Measurement


@attrs.frozen(kw_only=True)
class Level:
    """What this process holds: bytes that are resident, and blocks that Python has allocated.

    Resident bytes also say how fragmented memory is; blocks say whether anything is kept.
    """

    resident: int
    blocks: int
    descriptors: int


def level() -> Level:
    """The level now, without what functions remember of their arguments: each has its bound."""
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper) and found.cache_parameters()["maxsize"]:
            found.cache_clear()
    gc.collect()
    return Level(
        resident=resident(os.getpid()),
        blocks=sys.getallocatedblocks(),
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
    )


def resident(pid: int) -> int:
    """Resident bytes of process *pid*."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def count_row(name: str, count: int, *, most: int = 0) -> Measurement:
    """A row that says how many are left, of which *most* may be."""
    return Measurement(
        name=name, unit="", ours=float(count), target=float(most), higher_is_better=False
    )


def growth_rows(
    name: str,
    levels: tuple[Level, Level, Level],
    counts: tuple[int, int],
    *,
    most: float | None = None,
    most_blocks: float | None = None,
) -> list[Measurement]:
    """Rows for what grew in the first and the second half of a run.

    Args:
        name: of what ran; each row begins with it.
        levels: before, between and after the halves.
        counts: how much was done in each half.
        most: bytes that one start may cost in the second half, at most; None if it is too short
            to tell.
        most_blocks: the same for blocks.
    """
    rows = []
    for half, count in enumerate(counts):
        before, after = levels[half], levels[half + 1]
        is_second = half == 1
        for what, unit, grown, target in (
            ("memory", "bytes", after.resident - before.resident, most),
            ("blocks", "", after.blocks - before.blocks, most_blocks),
        ):
            rows.append(
                Measurement(
                    name=f"{name}: {what} each, half {half + 1} of 2 ({count:,})",
                    unit=unit,
                    ours=grown / max(1, count),
                    target=target if is_second else None,
                    higher_is_better=False,
                )
            )
    return rows
