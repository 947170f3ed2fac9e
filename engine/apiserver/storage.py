"""Objects in the store: keys, revisions and store errors turned into API errors."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import attrs

from engine.api.evolution import evolve
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.conversion import stored as as_stored
from engine.apiserver.conversion import view_of
from engine.apiserver.errors import (
    AlreadyExistsError,
    Cause,
    ConflictError,
    GoneError,
    NotFoundError,
    TimeoutApiError,
    UnavailableError,
)
from engine.apiserver.keys import key_of
from engine.apiserver.request import RequestInfo
from engine.store.errors import CompactedError, FutureRevisionError, ReadOnlyError
from engine.store.kv import RangeResult, prefix_end
from engine.store.txn import Compare, DeleteRange, Operation, Put
from engine.store.watchable_store import CRASHED, Store
from engine.telemetry.trace import Origin, origin_of

T = TypeVar("T", bound=ApiObject)

# Seconds that an Event is kept: a whole session, where kube-apiserver keeps an hour of them.
EVENT_TTL = 24 * 3600.0
_LEASE_SHARED = 60.0

MODIFIED = (
    "the object has been modified; please apply your changes to the latest version and try again"
)

_TOO_LARGE = Cause(field="", message="Too large resource version", reason="ResourceVersionTooLarge")


_end_of = lru_cache(maxsize=4096)(prefix_end)


def origin_for(request: RequestInfo) -> Origin:
    """Who the changes of *request* are said to come from, and why."""
    return origin_of(request.actor or request.user, request.context, request.user)


def at_revision(obj: T, revision: int) -> T:
    """*obj* stamped with the store revision it is written at."""
    return evolve(obj, metadata=evolve(obj.metadata, resource_version=str(revision)))


OnWrite = Callable[[Resource, ApiObject | None, ApiObject | None], None]
"""Hears of each write at once: the object before it (if it was read) and after it."""


@attrs.define(eq=False)
class ObjectStorage:
    """Reads and writes whole objects, each write conditional on what was read before."""

    store: Store[Any]
    observers: list[OnWrite] = attrs.field(factory=list, init=False)
    _lease: int = attrs.field(default=0, init=False)
    _lease_until: float = attrs.field(default=0.0, init=False)

    def find(
        self, resource: Resource, namespace: str, name: str, *, revision: int = 0
    ) -> Any | None:
        """The object, or None.

        Raises:
            GoneError: *revision* is compacted.
            TimeoutApiError: *revision* does not exist yet.
        """
        try:
            kv = self.store.get(key_of(resource, namespace, name), revision)
        except CompactedError as error:
            raise GoneError(
                f"The resourceVersion for the provided get is too old: {error}"
            ) from error
        except FutureRevisionError as error:
            raise too_large(error) from error
        if kv is None:
            return None
        view = view_of(resource)
        return kv.value if view is None else view(kv.value)

    def read(self, resource: Resource, namespace: str, name: str, *, revision: int = 0) -> Any:
        """The object.

        Raises:
            NotFoundError: there is none.
            GoneError: *revision* is compacted.
            TimeoutApiError: *revision* does not exist yet.
        """
        obj = self.find(resource, namespace, name, revision=revision)
        if obj is None:
            raise NotFoundError.of(resource.plural, name, group=resource.group)
        return obj

    def version_of(self, resource: Resource, namespace: str, name: str) -> int:
        """How often the object has been written; 0 if there is none, 1 if it is new."""
        kv = self.store.get(key_of(resource, namespace, name))
        return 0 if kv is None else kv.version

    def values(self, prefix: bytes) -> list[Any]:
        """The newest objects whose keys begin with *prefix*, in the order of their keys."""
        found: list[Any] = self.store.kv.values(prefix, _end_of(prefix))
        return found

    def range(
        self, start: bytes, end: bytes, *, revision: int = 0, limit: int = 0
    ) -> RangeResult[Any]:
        """The objects whose keys are in ``[start, end)``.

        Raises:
            GoneError: *revision* is compacted.
            TimeoutApiError: *revision* does not exist yet.
        """
        try:
            return self.store.range(start, end, revision=revision, limit=limit)
        except CompactedError as error:
            raise GoneError(
                f"The resourceVersion for the provided list is too old: {error}"
            ) from error
        except FutureRevisionError as error:
            raise too_large(error) from error

    def insert(self, resource: Resource, obj: T, *, origin: object, dry_run: bool) -> T:
        """Write an object that must not exist yet; returns it as stored.

        Raises:
            AlreadyExistsError: it exists.
            UnavailableError: the store takes no writes for now.
        """
        meta = obj.metadata
        key = key_of(resource, meta.namespace, meta.name)
        if dry_run:
            if self.store.get(key) is not None:
                raise AlreadyExistsError.of(resource.plural, meta.name, group=resource.group)
            return obj
        stored = at_revision(obj, self.store.revision + 1)
        put = self._put(resource, key, stored)
        if not self._commit(Compare(key, "version", "=", 0), put, origin):
            raise AlreadyExistsError.of(resource.plural, meta.name, group=resource.group)
        self._tell(resource, None, stored)
        return stored

    def replace(
        self, resource: Resource, obj: T, old: ApiObject, *, origin: object, dry_run: bool
    ) -> T:
        """Write *obj* over *old*, which must still be what is stored; returns it as stored.

        Raises:
            ConflictError: it is not.
            UnavailableError: the store takes no writes for now.
        """
        if dry_run:
            return obj
        meta = old.metadata
        key = key_of(resource, meta.namespace, meta.name)
        stored = at_revision(obj, self.store.revision + 1)
        put = self._put(resource, key, stored)
        if not self._commit(Compare(key, "mod", "=", old.revision), put, origin):
            raise ConflictError.of(resource.plural, meta.name, MODIFIED, group=resource.group)
        self._tell(resource, old, stored)
        return stored

    def remove(self, resource: Resource, old: ApiObject, *, origin: object, dry_run: bool) -> None:
        """Delete *old*, which must still be what is stored.

        Raises:
            ConflictError: it is not.
            UnavailableError: the store takes no writes for now.
        """
        if dry_run:
            return
        meta = old.metadata
        key = key_of(resource, meta.namespace, meta.name)
        if not self._commit(Compare(key, "mod", "=", old.revision), DeleteRange(key), origin):
            raise ConflictError.of(resource.plural, meta.name, MODIFIED, group=resource.group)
        self._tell(resource, old, None)

    def _tell(self, resource: Resource, old: ApiObject | None, new: ApiObject | None) -> None:
        for observer in self.observers:
            observer(resource, old, new)
        if self.store.is_down:
            # It was the last write: it is kept, but nobody is there to say so.
            raise UnavailableError(CRASHED)

    def _put(self, resource: Resource, key: bytes, obj: Any) -> Put[Any]:
        """The write of an object: an Event goes when its lease ends, everything else stays.

        Events of one minute share a lease, as in kube-apiserver's lease manager.
        """
        stored = as_stored(resource, obj)
        if resource.kind != "Event" or self.store.alarm is not None:
            return Put(key, stored)
        now = self.store.loop.now
        if now >= self._lease_until:
            self._lease = self.store.grant(EVENT_TTL + _LEASE_SHARED)
            self._lease_until = now + _LEASE_SHARED
        return Put(key, stored, lease=self._lease)

    def _commit(self, compare: Compare, operation: Operation, origin: object) -> bool:
        try:
            return self.store.txn((compare,), (operation,), origin=origin).succeeded
        except ReadOnlyError as error:
            # Without a time to try again: kubectl would wait in silence instead of telling why.
            raise UnavailableError(str(error)) from error


def too_large(error: FutureRevisionError) -> TimeoutApiError:
    """What a client hears that asks for a revision that is still to come."""
    return TimeoutApiError(
        f"Too large resource version: {error.requested}, current: {error.current}",
        causes=(_TOO_LARGE,),
        retryAfterSeconds=1,
    )
