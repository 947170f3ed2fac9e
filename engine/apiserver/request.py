"""What goes into the API server and what comes out: plain values shared by server and clients."""

from typing import Any, Generic, TypeVar

import attrs

from engine.api.meta import ApiObject

T_co = TypeVar("T_co", bound=ApiObject, covariant=True)


@attrs.frozen(kw_only=True)
class RequestInfo:
    """Who asks, and what made them ask.

    *actor* is the component's or client's short name (field manager), *context* the loop context
    of the step that led to the request.
    """

    user: str
    groups: tuple[str, ...] = ()
    actor: str = ""
    context: object = None


@attrs.frozen(kw_only=True)
class DeleteOptions:
    """How to delete. Unset fields mean the kind's default.

    *propagation_policy* is Background, Foreground or Orphan; *uid* and *resource_version* are
    preconditions.
    """

    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    uid: str = ""
    resource_version: str = ""


@attrs.frozen(kw_only=True)
class PatchBody:
    """A patch: *type* is "json", "merge", "strategic" or "apply"; *data* its parsed content."""

    type: str
    data: Any
    field_manager: str = ""
    force: bool = False


@attrs.frozen(kw_only=True)
class ObjectList(Generic[T_co]):
    """Objects as they all were at *revision*.

    A non-empty *continue_token* asks for more; *remaining* then counts what is left, if known.
    """

    items: tuple[T_co, ...]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


@attrs.frozen
class WatchEvent:
    """A store change as one watcher sees it.

    *type* is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR; *origin* is who made the change and why.
    For ERROR, *obj* is None and *error* says what ended the watch.
    """

    type: str
    obj: ApiObject | None
    revision: int
    origin: object = None
    error: Exception | None = None
