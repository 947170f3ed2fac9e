"""What an admission plugin sees of a request, and what it is."""

from typing import Any, Literal, Protocol

import attrs

from engine.api.scheme import Resource
from engine.apiserver.request import RequestInfo
from engine.apiserver.storage import ObjectStorage


@attrs.frozen(kw_only=True)
class Attributes:
    """One write on its way to the store. For DELETE, *obj* is the object as it is."""

    operation: Literal["CREATE", "UPDATE", "DELETE"]
    resource: Resource
    obj: Any
    request: RequestInfo
    old: Any | None = None
    subresource: str = ""
    dry_run: bool = False


class Plugin(Protocol):
    """Changes or refuses writes. Plugins keep no state and see each other's changes in order."""

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object as it goes on.

        Raises:
            ApiError: the write is refused.
        """
        ...
