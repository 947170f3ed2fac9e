"""Events."""

from typing import Any

from engine.apiserver.errors import Cause
from engine.apiserver.event_validation import validate_event
from engine.apiserver.strategy import WithoutStatus


class EventStrategy(WithoutStatus):
    """Events, as they are stored."""

    def validate(self, obj: Any) -> list[Cause]:
        """They are where the object is that they are about."""
        return validate_event(obj)
