"""The cluster as it was at a revision, and what differs between two."""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.coordination import Lease
from engine.api.meta import ApiObject
from engine.apiserver.errors import ApiError
from tui.source import ClusterInfo, Source

Caches = dict[type[ApiObject], dict[str, ApiObject]]
Changes = dict[type[ApiObject], dict[str, tuple[ApiObject | None, ApiObject | None]]]


@attrs.frozen
class Moment:
    """A point of the history: its revision and the cluster's time then, as near as is known."""

    revision: int
    time: float


async def read_past(source: Source, kinds: list[type[ApiObject]], revision: int) -> Caches:
    """All objects of *kinds* as they were at *revision*.

    Raises:
        EngineError: the revision is compacted, or there is none such yet.
    """
    caches: Caches = {}
    for cls in kinds:
        try:
            found = await source.at(cls, revision)
        except ApiError as error:
            if error.code in (404, 405):
                # A kind that is not stored has no past.
                continue
            raise
        caches[cls] = {obj.key: obj for obj in found}
    return caches


async def moment_of(source: Source, revision: int, fallback: float) -> Moment:
    """The time of *revision*: that of the last heartbeat before it."""
    try:
        leases = await source.at(Lease, revision)
    except ApiError:
        return Moment(revision, fallback)
    times = [float(lease.spec.renew_time) for lease in leases if lease.spec.renew_time is not None]
    return Moment(revision, max(times, default=fallback))


def changes_between(old: Caches, new: Caches) -> Changes:
    """What differs, by kind and key: before and after."""
    changes: Changes = {}
    for cls in dict.fromkeys((*old, *new)):
        before: Mapping[str, ApiObject] = old.get(cls, {})
        after: Mapping[str, ApiObject] = new.get(cls, {})
        for key in dict.fromkeys((*before, *after)):
            was, is_ = before.get(key), after.get(key)
            if was is not is_ and (was is None or is_ is None or _version(was) != _version(is_)):
                changes.setdefault(cls, {})[key] = (was, is_)
    return changes


def info_then(info: ClusterInfo, moment: Moment) -> ClusterInfo:
    """What the header says of the cluster at *moment*."""
    return attrs.evolve(info, revision=moment.revision, now=moment.time, is_paused=True)


def _version(obj: ApiObject) -> tuple[Any, ...]:
    meta = obj.metadata
    return (meta.uid, meta.resource_version)
