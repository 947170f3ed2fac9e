"""Remembers what a controller has just written, so that it does not decide on a cache behind it."""

from typing import TypeVar

import attrs

from engine.api.meta import ApiObject
from engine.client.indexer import Indexer

T = TypeVar("T", bound=ApiObject)


@attrs.define(eq=False)
class OwnWrites:
    """The objects written for a key that the cache has not shown yet.

    A name written at a revision waits until the cache has it at that revision or later; a deleted
    one until it is gone.
    """

    _written: dict[str, dict[str, int]] = attrs.field(factory=dict, init=False)
    _deleted: dict[str, dict[str, str]] = attrs.field(factory=dict, init=False)

    def wrote(self, key: str, obj: ApiObject) -> None:
        """*obj* was created or updated on behalf of *key*."""
        self._written.setdefault(key, {})[obj.key] = obj.revision

    def deleted(self, key: str, obj: ApiObject) -> None:
        """*obj* was deleted on behalf of *key*."""
        self._deleted.setdefault(key, {})[obj.key] = obj.metadata.uid
        self._written.get(key, {}).pop(obj.key, None)

    def is_behind(self, key: str, cache: Indexer[T]) -> bool:
        """Whether *cache* lacks something that was written for *key*."""
        written = self._written.get(key)
        if written:
            for name, revision in tuple(written.items()):
                cached = cache.get(name)
                if cached is not None and cached.revision >= revision:
                    del written[name]
        deleted = self._deleted.get(key)
        if deleted:
            for name, uid in tuple(deleted.items()):
                cached = cache.get(name)
                if cached is None or cached.metadata.uid != uid:
                    del deleted[name]
        return bool(written or deleted)

    def gone(self, key: str, name: str) -> None:
        """The cache saw *name* go: somebody else may have deleted it."""
        self._written.get(key, {}).pop(name, None)
        self._deleted.get(key, {}).pop(name, None)

    def forget(self, key: str) -> None:
        """Wait for nothing on behalf of *key*."""
        self._written.pop(key, None)
        self._deleted.pop(key, None)
