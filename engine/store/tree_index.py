"""All keys in order, each with its history."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

import attrs

from engine.store.key_index import KeyIndex
from engine.store.kv import FROM_KEY

V = TypeVar("V")

_BUCKET = 512


@attrs.define(eq=False)
class TreeIndex(Generic[V]):
    """A sorted map from key to `KeyIndex`: a tree of two levels.

    Leaves hold at most twice `_BUCKET` keys, in parallel lists of keys and indexes; *_firsts* holds
    the first key of each leaf. Looking a key up costs one hash, inserting one two bisections.
    """

    _by_key: dict[bytes, KeyIndex[V]] = attrs.field(factory=dict, init=False)
    _firsts: list[bytes] = attrs.field(factory=list, init=False)
    _keys: list[list[bytes]] = attrs.field(factory=list, init=False)
    _leaves: list[list[KeyIndex[V]]] = attrs.field(factory=list, init=False)

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: bytes) -> KeyIndex[V] | None:
        """The history of *key*, or None if there never was such a key since compaction."""
        return self._by_key.get(key)

    def insert(self, key: bytes, entry: KeyIndex[V]) -> None:
        """Add a key that is not there yet."""
        self._by_key[key] = entry
        if not self._firsts:
            self._firsts.append(key)
            self._keys.append([key])
            self._leaves.append([entry])
            return
        at = max(bisect_right(self._firsts, key) - 1, 0)
        keys, leaf = self._keys[at], self._leaves[at]
        position = bisect_left(keys, key)
        keys.insert(position, key)
        leaf.insert(position, entry)
        if position == 0:
            self._firsts[at] = key
        if len(keys) > 2 * _BUCKET:
            self._split(at, appended=position == len(keys) - 1)

    def remove(self, key: bytes) -> None:
        """Forget a key and its history.

        Raises:
            KeyError: there is no such key.
        """
        del self._by_key[key]
        at = bisect_right(self._firsts, key) - 1
        keys, leaf = self._keys[at], self._leaves[at]
        position = bisect_left(keys, key)
        del keys[position], leaf[position]
        if not keys:
            del self._firsts[at], self._keys[at], self._leaves[at]
        elif position == 0:
            self._firsts[at] = keys[0]

    def span(self, start: bytes, end: bytes | None) -> Iterator[list[KeyIndex[V]]]:
        """The histories of the keys in ``[start, end)`` in key order, a list per leaf.

        The index must not change while this is iterated.
        """
        if end is None:
            entry = self._by_key.get(start)
            if entry is not None:
                yield [entry]
            return
        firsts = self._firsts
        at = max(bisect_right(firsts, start) - 1, 0)
        for number in range(at, len(firsts)):
            keys, leaf = self._keys[number], self._leaves[number]
            low = bisect_left(keys, start) if number == at else 0
            if end == FROM_KEY or keys[-1] < end:
                yield leaf[low:] if low else leaf
            else:
                yield leaf[low : bisect_left(keys, end)]
                return

    def _split(self, at: int, *, appended: bool) -> None:
        keys, leaf = self._keys[at], self._leaves[at]
        # Keys often arrive in order; then the left leaf is left nearly full instead of half empty.
        middle = len(keys) - 1 if appended else len(keys) // 2
        self._keys[at : at + 1] = [keys[:middle], keys[middle:]]
        self._leaves[at : at + 1] = [leaf[:middle], leaf[middle:]]
        self._firsts.insert(at + 1, keys[middle])
