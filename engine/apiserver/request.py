"""What comes with a request besides the object, and what goes back besides it."""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject

T_co = TypeVar("T_co", bound=ApiObject, covariant=True)

WatchEventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
Propagation = Literal["", "Foreground", "Background", "Orphan"]


@attrs.frozen(kw_only=True)
class RequestInfo:
    """Who asks, and because of what. It becomes the origin of every change the request makes.

    Attributes:
        user: the authenticated name.
        groups: the user's groups.
        uid: the user's uid, if it has one.
        extra: what else authentication found out, such as the pod a token is bound to.
        actor: the component inside the process, or the client's program, that asks.
        context: the loop's context at the time: what caused the request.
        warn: takes what the client should know though the request succeeds; None if nobody asks.
        annotate: takes a key and what the audit log should say under it; None if there is no log.
    """

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: FrozenDict[str, tuple[str, ...]] = EMPTY
    actor: str = ""
    context: object = None
    warn: Callable[[str], object] | None = attrs.field(default=None, eq=False, repr=False)
    annotate: Callable[[str, str], object] | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class DeleteOptions:
    """How to delete: how gracefully, what of the dependents, and only if it is that object."""

    grace_period_seconds: int | None = None
    propagation_policy: Propagation = ""
    uid: str = ""
    resource_version: str = ""


@attrs.frozen(kw_only=True)
class PatchBody:
    """A patch as it came.

    Attributes:
        type: the media type: ``application/merge-patch+json`` and so on.
        data: decoded JSON.
        field_manager: who owns the fields it sets.
        force: take fields over from other managers (server-side apply).
        field_validation: Strict refuses a result with unknown fields; else they are dropped.
    """

    type: str
    data: Any
    field_manager: str = ""
    force: bool = False
    field_validation: str = "Ignore"


@attrs.frozen(kw_only=True)
class ObjectList(Generic[T_co]):
    """The objects of one list request, all at *revision*.

    Attributes:
        continue_token: what the next page is asked for with; empty at the end.
        remaining: how many are left after this page, or None if that is not known.
    """

    items: tuple[T_co, ...]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


@attrs.frozen
class WatchEvent:
    """One change as a watcher sees it.

    *obj* is the object after the change (for DELETED: as it last was, at the revision it went), or
    an `ApiError` for ERROR. *origin* is who made the change, None for BOOKMARK and initial events.
    """

    type: WatchEventType
    obj: ApiObject | Any
    revision: int
    origin: object = None
