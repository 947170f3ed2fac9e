"""What an admission plugin sees of a request, and what it is."""

from typing import Any, Literal, Protocol

import attrs

from engine.api.scheme import Resource
from engine.apiserver.errors import ForbiddenError
from engine.apiserver.keys import prefix_of
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

    def is_creation_of(self, kind: type) -> bool:
        """Whether a new object of *kind* is being made."""
        return self.operation == "CREATE" and not self.subresource and isinstance(self.obj, kind)

    def is_write_of(self, kind: type) -> bool:
        """Whether an object of *kind* itself is being made or replaced."""
        return self.operation != "DELETE" and not self.subresource and isinstance(self.obj, kind)

    def warn(self, text: str) -> None:
        """Tell the client something, though the request succeeds."""
        if self.request.warn is not None:
            self.request.warn(text)

    def annotate(self, key: str, value: str) -> None:
        """Have the audit log say *value* of this request."""
        if self.request.annotate is not None:
            self.request.annotate(key, value)

    def forbidden(self, why: str, *, name: str = "") -> ForbiddenError:
        """The refusal of this write: ``pods "web" is forbidden: why``."""
        meta = self.obj.metadata
        name = name or meta.name or meta.generate_name
        return ForbiddenError(
            f'{self.resource.qualified} "{name}" is forbidden: {why}',
            name=name,
            group=self.resource.group,
            kind=self.resource.plural,
        )


class Plugin(Protocol):
    """Changes or refuses writes. Plugins keep no state and see each other's changes in order.

    *kinds* are the classes of the objects it looks at.
    """

    @property
    def kinds(self) -> tuple[type, ...]:
        """``object`` stands for all."""
        ...

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object as it goes on.

        Raises:
            ApiError: the write is refused.
        """
        ...


class Check(Protocol):
    """Refuses writes that are valid and complete, and takes note of those that are made.

    *kinds* are the classes of the objects it looks at.
    """

    @property
    def kinds(self) -> tuple[type, ...]:
        """``object`` stands for all."""
        ...

    def check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """Let the write pass.

        Raises:
            ApiError: it is refused.
        """
        ...

    def settle(self, attributes: Attributes, storage: ObjectStorage) -> None:
        """The write has been made."""
        ...


def objects_in(storage: ObjectStorage, resource: Resource, namespace: str = "") -> list[Any]:
    """All objects of *resource* (in *namespace*, if given), in the order of their names."""
    return storage.values(prefix_of(resource, namespace))
