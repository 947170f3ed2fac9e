"""What a kubelet tells of its node in Events: once for each start, once for each change."""

import attrs

from engine.api.events import Event
from engine.api.node import Node
from tests.engine.kubelet.station import Station

STARTED = [
    "Starting",
    "NodeAllocatableEnforced",
    "NodeHasSufficientMemory",
    "NodeHasNoDiskPressure",
    "NodeHasSufficientPID",
]


def told(station: Station) -> list[str]:
    """The reasons of the Events about the node, in their order; kubectl finds them by its name."""
    events = station.client.list(Event, namespace="default").items
    about = [event for event in events if event.involved_object.uid == "node-1"]
    return [event.reason for event in sorted(about, key=lambda event: event.metadata.name)]


def test_a_start_is_told_and_what_lasts_is_not_told_again(station: Station) -> None:
    """However often the status is written."""
    station.run(400.0)

    assert told(station) == [*STARTED, "NodeReady"]


def test_a_kubelet_that_is_started_again_says_so(station: Station) -> None:
    """It finds its node ready, and tells nothing of that."""
    station.run(1.0)
    station.kubelet.stop()
    station.kubelet.start()
    station.run(1.0)

    counts = {event.reason: event.count for event in station.client.list(Event).items}
    assert [counts[reason] for reason in STARTED] == [2] * 5
    assert counts["NodeReady"] == 1


def test_a_node_says_what_changes(station: Station) -> None:
    """That its disk is full and is not any more; that nothing more may be scheduled to it."""
    station.run(1.0)
    station.kubelet.set_pressure("disk", is_short=True)
    station.run(1.0)
    assert told(station)[6:] == ["NodeHasDiskPressure"]

    station.kubelet.set_pressure("disk", is_short=False)
    station.run(400.0)
    node = station.client.get(Node, "node-1")
    station.client.update(attrs.evolve(node, spec=attrs.evolve(node.spec, unschedulable=True)))
    station.run(11.0)

    counts = {event.reason: event.count for event in station.client.list(Event).items}
    assert counts["NodeHasNoDiskPressure"] == 2
    assert told(station)[6:] == ["NodeHasDiskPressure", "NodeNotSchedulable"]
