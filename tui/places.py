"""Places in the app: where an object leads, and where the user has been."""

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Namespace, Service
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.selectors import format_selector


@attrs.frozen
class Place:
    """Where the user is or was."""

    view: str
    kind: str = ""
    filter_text: str = ""


@attrs.define
class History:
    """Places in the order of their visits, and where among them the user is.

    Promises: a new visit forgets the places that were gone back from; staying is no visit.
    """

    _places: list[Place] = attrs.field(factory=list, init=False)
    _at: int = attrs.field(default=-1, init=False)

    @property
    def is_at_end(self) -> bool:
        """Whether there is nothing to go forward to."""
        return self._at == len(self._places) - 1

    def visit(self, place: Place) -> None:
        """Write a place down as the newest."""
        if not self._places or self._places[self._at] != place:
            del self._places[self._at + 1 :]
            self._places.append(place)
            self._at = len(self._places) - 1

    def travel(self, step: int) -> Place | None:
        """Go back or forward; None, and no step, where there is no such place."""
        at = self._at + step
        if not 0 <= at < len(self._places):
            return None
        self._at = at
        return self._places[at]


def inside(obj: ApiObject) -> Place | None:
    """Where going into an object leads: to its pods, if it can have any."""
    if isinstance(obj, Deployment | ReplicaSet):
        return Place("resources", "pods", f"-l {format_selector(obj.spec.selector)}")
    if isinstance(obj, Service) and obj.spec.selector:
        wanted = ",".join(f"{key}={value}" for key, value in obj.spec.selector.items())
        return Place("resources", "pods", f"-l {wanted}")
    if isinstance(obj, Node):
        return Place("resources", "pods", rf"\b{obj.metadata.name}\b")
    if isinstance(obj, Namespace):
        return Place("resources", "pods")
    return None
