"""Objects that are worked out when someone asks for them: nothing of them is stored."""

from typing import Any, Protocol

from engine.api.meta import ApiObject
from engine.apiserver.errors import MethodNotAllowedError
from engine.apiserver.fields import Predicate


class Computed(Protocol):
    """Answers the verbs of one kind."""

    def get(self, name: str, namespace: str) -> ApiObject | None:
        """The object of that name as it is now, or None."""

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[ApiObject, ...]:
        """The objects of a namespace, or ("") of all, that a request selects."""

    def create(self, obj: Any) -> ApiObject:
        """The answer to an object that asks something.

        Raises:
            ApiError: it cannot be answered.
        """


class ReadOnly:
    """A kind that can be read and no more."""

    def create(self, obj: Any) -> ApiObject:
        """Refuse.

        Raises:
            MethodNotAllowedError: always.
        """
        msg = f"{type(obj).KIND} is read only: it says what happened"
        raise MethodNotAllowedError(msg)
