"""Columns of numbers, one row per node, that grow together. They know nothing of nodes."""

from collections.abc import Iterator
from typing import Generic, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

K = TypeVar("K")


@attrs.define(eq=False)
class Columns(Generic[K]):
    """Named columns of whole numbers, with *room* rows each, filled with *fill*."""

    room: int
    fill: int = 0
    _columns: dict[K, Ints] = attrs.field(factory=dict, init=False)

    def __getitem__(self, name: K) -> Ints:
        """The column of that name, with all its room; made on first use."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = np.full(self.room, self.fill, np.int64)
        return column

    def get(self, name: K) -> Ints | None:
        """The column of that name, or None."""
        return self._columns.get(name)

    def __contains__(self, name: K) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[K]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def drop(self, name: K) -> None:
        """Forget a column."""
        self._columns.pop(name, None)

    def grow(self, room: int) -> None:
        """Give every column *room* rows."""
        more = np.full(room - self.room, self.fill, np.int64)
        self.room = room
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([column, more])


def per_domain(counts: Ints, domain: Ints, eligible: Mask | None = None) -> Ints:
    """For each row, the sum of *counts* over the eligible rows of its domain; 0 without one."""
    slots = domain + 1  # Domain -1 becomes slot 0, which nobody reads.
    size = int(slots.max(initial=0)) + 1
    if eligible is None:
        sums = np.bincount(slots, weights=counts, minlength=size).astype(np.int64)
    else:
        sums = np.bincount(slots[eligible], weights=counts[eligible], minlength=size).astype(
            np.int64
        )
    sums[0] = 0
    per_row: Ints = sums[slots]
    return per_row
