"""Who made a change and why: the origin that every store change carries."""

import json

import attrs

from engine.kernel.journal import InputContext


@attrs.frozen
class Origin:
    """Who wrote, and what led to it.

    *cause* is the revision of the change that made the writer act, 0 if none is known; *entry* is
    the number of the outside input at the root, 0 if none. *user* is in whose name the actor wrote.
    """

    actor: str
    cause: int = 0
    entry: int = 0
    user: str = ""


@attrs.frozen
class ChangeContext:
    """The loop context of whatever a store change leads to."""

    revision: int
    entry: int = 0


def origin_of(actor: str, context: object, user: str = "") -> Origin:
    """The origin of a write that *actor* makes in the given loop context."""
    if isinstance(context, ChangeContext):
        return Origin(actor, context.revision, context.entry, user)
    if isinstance(context, InputContext):
        return Origin(actor, 0, context.number, user)
    return Origin(actor, user=user)


def encode_origin(origin: object) -> bytes | None:
    """An origin as a log keeps it; None for what is not kept.

    The entry is left out: inputs are numbered anew in each run.
    """
    if not isinstance(origin, Origin):
        return None
    return json.dumps([origin.actor, origin.cause, origin.user], separators=(",", ":")).encode()


def decode_origin(data: bytes) -> object:
    """The origin that `encode_origin` wrote."""
    actor, cause, user = json.loads(data)
    return Origin(actor, cause, 0, user)


def context_after(revision: int, origin: object) -> ChangeContext:
    """The loop context in which the consequences of a change run."""
    return ChangeContext(revision, origin.entry if isinstance(origin, Origin) else 0)
