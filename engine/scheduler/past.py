"""What an evaluation said at each attempt, kept as a first state and what changed since.

Pods of one template share it, so that a decision about thousands of nodes costs a few hundred
bytes. It knows nothing of plugins: it keeps columns by name.
"""

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.scheduler.columns import Ints, Rows
from engine.scheduler.framework import Scores

_LONGEST = 512
"""Changes after which a new first state is shorter to read."""


@attrs.frozen(eq=False)
class Change:
    """New values of some rows."""

    rows: Rows
    codes: Mapping[str, Ints]
    raw: Mapping[str, Scores]


def _small(column: Ints | Scores) -> NDArray[np.generic] | None:
    """The column in as few bytes as it takes; None if it is all zeros."""
    if not column.any():
        return None
    lowest, highest = column.min(), column.max()
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= lowest and highest <= limits.max:
            small = column.astype(kind)
            if column.dtype.kind == "i" or np.array_equal(small, column):
                return small
            break
    return column.copy()


@attrs.define(eq=False)
class Past:
    """The first state of all local columns, and every change after it."""

    size: int
    codes: Mapping[str, NDArray[np.generic] | None]
    raw: Mapping[str, NDArray[np.generic] | None]
    changes: list[Change] = attrs.field(factory=list, init=False)
    _changed_rows: int = attrs.field(default=0, init=False)

    @classmethod
    def of(cls, size: int, codes: Mapping[str, Ints], raw: Mapping[str, Scores]) -> "Past":
        """A past that begins with these columns."""
        return cls(
            size,
            {name: _small(column[:size]) for name, column in codes.items()},
            {name: _small(column[:size]) for name, column in raw.items()},
        )

    @property
    def is_long(self) -> bool:
        """Whether a new one is due."""
        return len(self.changes) >= _LONGEST or self._changed_rows > max(self.size, _LONGEST)

    @property
    def bytes_kept(self) -> int:
        """About how many bytes this keeps in memory."""
        columns = [*self.codes.values(), *self.raw.values()]
        return sum(column.nbytes for column in columns if column is not None) + sum(
            200 + 16 * len(change.rows) * (len(change.codes) + len(change.raw))
            for change in self.changes
        )

    def add(self, change: Change) -> None:
        """Note what changed."""
        self.changes.append(change)
        self._changed_rows += len(change.rows)

    def columns_at(self, count: int) -> tuple[dict[str, Ints], dict[str, Scores]]:
        """All columns as they were after the first *count* changes."""
        codes: dict[str, Ints] = {
            name: np.zeros(self.size, np.int64) if column is None else column.astype(np.int64)
            for name, column in self.codes.items()
        }
        raw: dict[str, Scores] = {
            name: np.zeros(self.size) if column is None else column.astype(np.float64)
            for name, column in self.raw.items()
        }
        for change in self.changes[:count]:
            for name, values in change.codes.items():
                codes[name][change.rows] = values
            for name, scores in change.raw.items():
                raw[name][change.rows] = scores
        return codes, raw
