"""Events as core/v1 has them and as events.k8s.io/v1 has them: two views of one object.

Source: pkg/apis/events/v1/conversion.go, kubernetes v1.34.
"""

from typing import Any

_NAMES = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)
_TO_EVENTS = dict(_NAMES)
_TO_CORE = {new: old for old, new in _NAMES}


def to_events(event: dict[str, Any]) -> dict[str, Any]:
    """A core/v1 Event as one of events.k8s.io/v1."""
    found = {_TO_EVENTS.get(name, name): value for name, value in event.items()}
    if found.get("eventTime") is None:
        # Clients of this version rely on it; events of the old recorders have only the others.
        since = found.get("deprecatedFirstTimestamp") or event["metadata"].get("creationTimestamp")
        found["eventTime"] = since
    return found


def to_core(event: dict[str, Any]) -> dict[str, Any]:
    """An Event of events.k8s.io/v1 as one of core/v1."""
    return {_TO_CORE.get(name, name): value for name, value in event.items()}
