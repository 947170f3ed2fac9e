"""A promise of the cluster that was broken: which, where in its history, and by whom."""

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from engine.store.kv import Change
from engine.telemetry.trace import Origin


@attrs.frozen(kw_only=True)
class Violation:
    """One broken promise.

    *revision* is the change that broke it, *objects* are those it is about, *actor* made the change
    and *cause* is the revision that led to it (0 if none is known).
    """

    invariant: str
    message: str
    revision: int
    objects: tuple[str, ...] = ()
    actor: str = ""
    cause: int = 0
    time: float = 0.0

    def __str__(self) -> str:
        """The violation in one line."""
        who = f" by {self.actor}" if self.actor else ""
        why = f", caused by revision {self.cause}" if self.cause else ""
        return f"{self.invariant}: {self.message} (revision {self.revision}{who}{why})"


Report = Callable[..., None]
"""Called with a message and the keys of objects."""


class Invariant(Protocol):
    """One promise, checked change by change.

    *name* is how users call it, *promise* says it in a sentence, *kinds* are the classes whose
    changes it looks at.
    """

    name: str
    promise: str
    kinds: tuple[type, ...]

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Look at one change; call *broken* if it breaks the promise."""
        ...

    def on_quiet(self, now: float, broken: Report) -> None:
        """Look at the whole, which nothing has disturbed for a while."""
        ...


def violation(
    name: str, message: str, objects: tuple[str, ...], change: Change[Any] | None, now: float
) -> Violation:
    """The violation of *name* that *change* is."""
    origin = change.origin if change is not None else None
    known = origin if isinstance(origin, Origin) else None
    return Violation(
        invariant=name,
        message=message,
        revision=change.revision if change is not None else 0,
        objects=objects,
        actor=known.actor if known is not None else "",
        cause=known.cause if known is not None else 0,
        time=now,
    )
