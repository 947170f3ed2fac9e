"""Who takes note of requests: the seam between the cluster's own parts and an audit log."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from engine.apiserver.authorization.access import Access
from engine.apiserver.errors import ApiError

R = TypeVar("R")


class Trail(Protocol):
    """One request of a part of the cluster, on its way."""

    def run(self, call: Callable[[], R]) -> R:
        """What *call* answers, which is noted; so is its refusal.

        Raises:
            ApiError: whatever *call* raises.
        """
        ...

    def refused(self, error: ApiError) -> None:
        """It was refused before it was made."""
        ...


class Auditor(Protocol):
    """Takes note of requests that do not come over HTTP, as its policy asks for."""

    def begin_own(self, access: Access, *, version: str, actor: str, sent: Any) -> Trail | None:
        """*actor* asks for *access* with *sent*; None if nobody wants to know."""
        ...

    def annotate(self, key: str, value: str) -> None:
        """Say *value* with the request that is carried out now, whoever made it."""
        ...
