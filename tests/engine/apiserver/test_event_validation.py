"""Events say enough of what happened, and say it once."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.events import Event
from engine.apiserver.errors import InvalidError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer

GOOD: dict[str, Any] = {
    "apiVersion": "events.k8s.io/v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "default"},
    "eventTime": "2024-01-01T00:00:00.000000Z",
    "reportingController": "example.com/watcher",
    "reportingInstance": "watcher-0",
    "action": "Look",
    "reason": "Seen",
    "type": "Normal",
    "regarding": {"kind": "Pod", "name": "x", "namespace": "default"},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"eventTime": None}, "eventTime: Required value", id="time"),
        pytest.param({"reportingController": ""}, "reportingController: Required", id="who"),
        pytest.param({"reportingController": "a b"}, "reportingController: Invalid", id="name"),
        pytest.param({"reportingInstance": "x" * 129}, "at most 128 characters", id="instance"),
        pytest.param({"action": ""}, "action: Required value", id="action"),
        pytest.param({"reason": "x" * 129}, "reason: Invalid value.*at most 128", id="reason"),
        pytest.param({"note": "x" * 1025}, "message: Invalid value.*at most 1024", id="note"),
        pytest.param({"type": "Bad"}, "type: Invalid value.*has invalid value: Bad", id="type"),
        pytest.param({"series": {"count": 1}}, "series.count.*at least 2", id="series"),
    ],
)
def test_a_new_event_says_who_saw_what_and_when(
    server: ApiServer, request_info: RequestInfo, change: dict[str, Any], said: str
) -> None:
    """By the rules of events.k8s.io/v1."""
    with pytest.raises(InvalidError, match=said):
        server.create(decode({**GOOD, **change}), request=request_info)


def test_an_event_stays_as_it_was_told(server: ApiServer, request_info: RequestInfo) -> None:
    """Its series may go on, and its labels change."""
    made = server.create(decode(GOOD), request=request_info)
    series = {"count": 2, "lastObservedTime": "2024-01-01T00:01:00.000000Z"}
    more = attrs.evolve(made, extra=made.extra.with_items({"series": series}))
    kept = server.update(more, request=request_info)

    other = attrs.evolve(kept, extra=kept.extra.with_items({"action": "Other"}))
    with pytest.raises(InvalidError, match=r"action: Invalid value.*field is immutable"):
        server.update(other, request=request_info)


def test_an_event_of_the_old_kind_is_where_its_object_is(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Nothing else is asked of it."""
    wire = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "involvedObject": {"kind": "Pod", "name": "x", "namespace": "elsewhere"},
    }
    with pytest.raises(InvalidError, match=r"does not match event\.namespace"):
        server.create(decode(wire), request=request_info)

    wire["involvedObject"] = {"kind": "Node", "name": "n"}
    assert isinstance(server.create(decode(wire), request=request_info), Event)
