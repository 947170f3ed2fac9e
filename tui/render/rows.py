"""Rows in order, kept in order one change at a time, and the filters that choose them."""

import re
from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any

import attrs

from engine.api.meta import ApiObject
from engine.api.selectors import parse_selector

SortKey = Callable[[ApiObject], Any]
Keep = Callable[[ApiObject, str], bool]


@attrs.define(eq=False)
class RowIndex:
    """Objects by key in the order of a sort value; a change costs O(log n) comparisons."""

    sort_value: SortKey
    is_descending: bool = False
    _order: list[tuple[Any, str]] = attrs.field(factory=list, init=False)
    _values: dict[str, Any] = attrs.field(factory=dict, init=False)
    _objects: dict[str, ApiObject] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, key: str) -> bool:
        return key in self._objects

    def put(self, key: str, obj: ApiObject) -> bool:
        """Add or change a row; True if rows moved because of it."""
        value = self.sort_value(obj)
        if key in self._objects:
            self._objects[key] = obj
            if self._values[key] == value:
                return False
            self._take_out(key)
        self._objects[key] = obj
        self._values[key] = value
        insort(self._order, (value, key))
        return True

    def remove(self, key: str) -> bool:
        """Take a row out; True if it was there."""
        if key not in self._objects:
            return False
        self._take_out(key)
        del self._objects[key], self._values[key]
        return True

    def fill(self, objects: dict[str, ApiObject]) -> None:
        """Hold exactly these rows."""
        self._objects = dict(objects)
        self._values = {key: self.sort_value(obj) for key, obj in objects.items()}
        self._order = sorted((value, key) for key, value in self._values.items())

    def key_at(self, index: int) -> str:
        """The key of a row by its place."""
        return self._order[-1 - index if self.is_descending else index][1]

    def at(self, index: int) -> ApiObject:
        """The object of a row by its place."""
        return self._objects[self.key_at(index)]

    def get(self, key: str) -> ApiObject | None:
        """The object of a row by its key."""
        return self._objects.get(key)

    def position(self, key: str) -> int:
        """The place of a key; -1 if there is no such row."""
        if key not in self._values:
            return -1
        index = bisect_left(self._order, (self._values[key], key))
        return len(self._order) - 1 - index if self.is_descending else index

    def _take_out(self, key: str) -> None:
        del self._order[bisect_left(self._order, (self._values[key], key))]


class FilterError(ValueError):
    """The filter cannot be used; the message says why."""


def parse_filter(text: str) -> Keep:
    """What keeps a row, given its object and its text.

    ``web`` is a regular expression without case, ``!web`` its opposite, ``-l app=web`` a label
    selector, ``-f wbx2`` letters in that order.

    Raises:
        FilterError: the expression or the selector is wrong.
    """
    text = text.strip()
    if not text:
        return lambda _obj, _row: True
    if text.startswith("-l"):
        try:
            selector = parse_selector(text[2:].strip())
        except ValueError as error:
            raise FilterError(str(error)) from error
        return lambda obj, _row: selector.matches(obj.metadata.labels)
    if text.startswith("-f"):
        letters = [re.escape(letter) for letter in text[2:].strip()]
        fuzzy = re.compile(".*?".join(letters), re.IGNORECASE)
        return lambda _obj, row: fuzzy.search(row) is not None
    is_inverse = text.startswith("!")
    try:
        expression = re.compile(text[is_inverse:], re.IGNORECASE)
    except re.error as error:
        msg = f"not a regular expression: {error}"
        raise FilterError(msg) from error
    return lambda _obj, row: (expression.search(row) is None) == is_inverse
