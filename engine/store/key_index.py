"""The history of one key: what it was at each revision that is still kept."""

from bisect import bisect_right
from operator import attrgetter
from typing import Generic, TypeVar

from engine.store.kv import KeyValue

V = TypeVar("V")

_mod_revision = attrgetter("mod_revision")


class KeyIndex(Generic[V]):
    """All kept versions of one key, oldest first, the newest in *head*.

    For a key put at revisions 2 and 5, deleted at 7 and put again at 9, the history is
    ``2, 5, 7(tombstone), 9``. Compacting it

    * at 4 keeps ``2, 5, 7t, 9``: 2 is what the key was at revision 4;
    * at 6 keeps ``5, 7t, 9``;
    * at 7 keeps ``7t, 9``: who watches from 7 must still learn of the deletion;
    * at 8 keeps ``9``: at 8 the key did not exist, which needs no mark;
    * at 9 keeps ``9``.

    A plain class with slots: there is one for each key, and most have no older versions.
    """

    __slots__ = ("head", "older")

    def __init__(self, head: KeyValue[V]) -> None:
        self.head = head
        self.older: list[KeyValue[V]] | None = None

    def push(self, kv: KeyValue[V]) -> None:
        """Make *kv* the newest version."""
        if self.older is None:
            self.older = [self.head]
        else:
            self.older.append(self.head)
        self.head = kv

    def at(self, revision: int) -> KeyValue[V] | None:
        """The key as it was at *revision*, or None if it did not exist then."""
        kv = self.head
        if kv.mod_revision > revision:
            older = self.older
            if older is None:
                return None
            position = bisect_right(older, revision, key=_mod_revision)
            if position == 0:
                return None
            kv = older[position - 1]
        return kv if kv.version else None

    def drop_before(self, revision: int, *, inclusive: bool = False) -> list[int]:
        """Forget the versions older than *revision*; return the revisions they were made at.

        With *inclusive* the one made at *revision* goes as well, unless it is the head: then the
        caller forgets the whole key.
        """
        older = self.older
        if older is None:
            return []
        limit = revision if inclusive else revision - 1
        position = bisect_right(older, limit, key=_mod_revision)
        dropped = [kv.mod_revision for kv in older[:position]]
        if position == len(older):
            self.older = None
        elif position:
            self.older = older[position:]
        return dropped
