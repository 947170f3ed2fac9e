"""Who made a change and why: the origin that every store change carries."""

import attrs

from engine.kernel.journal import InputContext


@attrs.frozen
class Origin:
    """Who wrote, and what led to it.

    *cause* is the revision of the change that made the writer act, 0 if none is known; *entry* is
    the number of the outside input at the root, 0 if none.
    """

    actor: str
    cause: int = 0
    entry: int = 0


@attrs.frozen
class ChangeContext:
    """The loop context of whatever a store change leads to."""

    revision: int
    entry: int = 0


def origin_of(actor: str, context: object) -> Origin:
    """The origin of a write that *actor* makes in the given loop context."""
    if isinstance(context, ChangeContext):
        return Origin(actor, context.revision, context.entry)
    if isinstance(context, InputContext):
        return Origin(actor, 0, context.number)
    return Origin(actor)


def context_after(revision: int, origin: object) -> ChangeContext:
    """The loop context in which the consequences of a change run."""
    return ChangeContext(revision, origin.entry if isinstance(origin, Origin) else 0)
