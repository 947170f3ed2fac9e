"""What an Event must say: little as core/v1 has them, more as events.k8s.io/v1 has them.

Source: pkg/apis/core/validation/events.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

from engine.api.codec import encode
from engine.api.events import Event
from engine.api.scheme import Resource
from engine.apiserver.conversion import converted
from engine.apiserver.errors import Cause, InvalidError
from engine.apiserver.validation import invalid, invalid_all, qualified_name_faults, required

GROUP = "events.k8s.io"
_LONGEST = 128
_LONGEST_NOTE = 1024
_FEWEST = 2
_SAYS_NO_NAMESPACE = ("", "default")
# What stays as it was told, in the words of the stored version.
_UNCHANGING = {
    "regarding": "involvedObject",
    "reason": "reason",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "type": "type",
    "eventTime": "eventTime",
    "action": "action",
    "related": "related",
    "reportingController": "reportingController",
    "reportingInstance": "reportingInstance",
}


def validate_event(event: Event, *, controller: str = "reportingComponent") -> list[Cause]:
    """What holds for every event; *controller* is what its version calls the reporter."""
    namespace, about = event.metadata.namespace, event.involved_object.namespace
    if event.event_time is None:
        is_consistent = namespace in _SAYS_NO_NAMESPACE if not about else namespace == about
    else:
        is_consistent = bool(about) or namespace in ("default", "kube-system")
    causes = []
    if not is_consistent:
        causes.append(invalid("involvedObject.namespace", about, "does not match event.namespace"))
    if event.event_time is not None:
        causes += _reported(event, controller)
    return causes


def check_new(resource: Resource, event: Event) -> None:
    """Return if *event* may be made as *resource*.

    Raises:
        InvalidError: it is one of events.k8s.io/v1 and does not say enough, or too much.
    """
    if resource.group != GROUP:
        return
    causes = [] if event.event_time is not None else [required("eventTime")]
    series = event.extra.get("series")
    if isinstance(series, Mapping):
        count = series.get("count", 0)
        if isinstance(count, int) and count < _FEWEST:
            causes.append(invalid("series.count", "", "should be at least 2"))
        if not series.get("lastObservedTime"):
            causes.append(required("series.lastObservedTime"))
    causes += _reported(event, "reportingController")
    if event.type not in ("Normal", "Warning"):
        causes.append(invalid("type", "", f"has invalid value: {event.type}"))
    _refuse(event, causes)


def check_changed(resource: Resource, new: Any, old: Event) -> None:
    """Return if *old* may become *new* as *resource*: only metadata and the series change.

    Raises:
        InvalidError: it is one of events.k8s.io/v1, and something else changes.
    """
    if resource.group != GROUP:
        return
    before, after = encode(converted(old, resource.cls)), encode(new)
    causes = [
        invalid(field, after.get(name), "field is immutable")
        for name, field in _UNCHANGING.items()
        if (before.get(name) or None) != (after.get(name) or None)
    ]
    _refuse(old, causes)


def _reported(event: Event, controller: str) -> list[Cause]:
    """Who reported it, by which instance, and what was done and why."""
    causes = [] if event.reporting_component else [required(controller)]
    if event.reporting_component:
        faults = qualified_name_faults(event.reporting_component)
        causes += invalid_all(controller, event.reporting_component, faults)
    for field, text in (
        ("reportingInstance", event.reporting_instance),
        ("action", event.action),
        ("reason", event.reason),
    ):
        if not text:
            causes.append(required(field))
        elif len(text.encode()) > _LONGEST:
            causes.append(invalid(field, "", f"can have at most {_LONGEST} characters"))
    if len(event.message.encode()) > _LONGEST_NOTE:
        said = f"can have at most {_LONGEST_NOTE} characters"
        causes.append(invalid("message", "", said))
    return causes


def _refuse(event: Event, causes: list[Cause]) -> None:
    unique = list(dict.fromkeys(causes))
    if unique:
        raise InvalidError.of("Event", event.metadata.name, unique)
