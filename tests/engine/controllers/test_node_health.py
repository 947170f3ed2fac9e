"""Which taints and eviction rates follow from the state of nodes."""

import attrs
import pytest

from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, ObjectMeta
from engine.api.node import Node, NodeSpec, NodeStatus, Taint
from engine.config import ControllerSettings
from engine.controllers import node_health

SETTINGS = ControllerSettings()


def _node(
    name: str = "n",
    *,
    ready: str = "True",
    zone: str = "a",
    cordoned: bool = False,
    taints: tuple[Taint, ...] = (),
    **conditions: str,
) -> Node:
    found = {"Ready": ready, **conditions}
    return Node(
        metadata=ObjectMeta(name=name, labels=FrozenDict({node_health.ZONE: zone})),
        spec=NodeSpec(taints=taints, unschedulable=cordoned),
        status=NodeStatus(conditions=tuple(Condition(type=t, status=s) for t, s in found.items())),
    )


def _pairs(taints: tuple[Taint, ...]) -> set[str]:
    return {f"{taint.key.rpartition('/')[2]}:{taint.effect}" for taint in taints}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(_node(), set(), id="healthy"),
        pytest.param(
            _node(ready="False"), {"not-ready:NoSchedule", "not-ready:NoExecute"}, id="not-ready"
        ),
        pytest.param(
            _node(ready="Unknown"),
            {"unreachable:NoSchedule", "unreachable:NoExecute"},
            id="unreachable",
        ),
        pytest.param(_node(cordoned=True), {"unschedulable:NoSchedule"}, id="cordoned"),
        pytest.param(
            _node(MemoryPressure="True"), {"memory-pressure:NoSchedule"}, id="memory-pressure"
        ),
        pytest.param(
            _node(taints=(Taint(key=node_health.NOT_READY, effect="NoSchedule"),)),
            set(),
            id="recovered",
        ),
        pytest.param(
            _node(taints=(Taint(key="mine", effect="NoExecute"),)), {"mine:NoExecute"}, id="others"
        ),
    ],
)
def test_taints_follow_conditions(node: Node, expected: set[str]) -> None:
    """Others' taints are never touched."""
    assert _pairs(node_health.wanted_taints(node, now=1.0, may_evict=True)) == expected


def test_a_taint_that_stays_keeps_its_time() -> None:
    """Tolerations count from when the taint came."""
    first = node_health.wanted_taints(_node(ready="False"), now=5.0, may_evict=True)

    second = node_health.wanted_taints(_node(ready="False", taints=first), now=9.0, may_evict=False)

    assert second == first


def test_eviction_may_have_to_wait_but_scheduling_stops_at_once() -> None:
    """Only the NoExecute taint is limited in rate."""
    taints = node_health.wanted_taints(_node(ready="Unknown"), now=1.0, may_evict=False)

    assert _pairs(taints) == {"unreachable:NoSchedule"}


@pytest.mark.parametrize(
    ("ready", "unready", "other", "expected"),
    [
        pytest.param(3, 0, 1, 0.1, id="healthy"),
        pytest.param(2, 1, 1, 0.1, id="one-of-three"),
        pytest.param(1, 2, 1, 0.1, id="two-are-not-most-of-a-zone"),
        pytest.param(2, 3, 1, 0.0, id="most-of-a-small-zone"),
        pytest.param(40, 60, 1, 0.01, id="most-of-a-large-zone"),
        pytest.param(0, 3, 1, 0.1, id="a-whole-zone-while-another-works"),
        pytest.param(0, 3, 0, 0.0, id="everything"),
    ],
)
def test_eviction_slows_down_when_much_is_unhealthy(
    ready: int, unready: int, other: int, expected: float
) -> None:
    """Many silent nodes at once rather mean that we are cut off."""
    nodes = [_node(f"r{index}") for index in range(ready)]
    nodes += [_node(f"u{index}", ready="Unknown") for index in range(unready)]
    nodes += [_node(f"o{index}", zone="b") for index in range(other)]

    assert node_health.eviction_rates(nodes, SETTINGS)[":a"] == expected


def test_a_silent_node_has_no_known_condition() -> None:
    """Every condition of the kubelet becomes Unknown; what it never said is added."""
    conditions = node_health.silent_conditions(_node(MemoryPressure="False"), now=9.0)

    assert {c.type: c.status for c in conditions} == dict.fromkeys(
        ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure"), "Unknown"
    )
    by_type = {c.type: c.reason for c in conditions}
    assert by_type["Ready"] == "NodeStatusUnknown"
    assert by_type["DiskPressure"] == "NodeStatusNeverUpdated"


def test_a_node_that_never_reported_gets_more_time() -> None:
    """It may still be starting."""
    new = attrs.evolve(_node(), status=NodeStatus())
    heard = node_health.Heartbeat((None, None), 0.0)

    assert not node_health.is_silent(new, heard, now=55.0, settings=SETTINGS)
    assert node_health.is_silent(_node(), heard, now=55.0, settings=SETTINGS)


def test_rates_and_thresholds_are_settings() -> None:
    """A zone of three with two sick nodes: most of it, small or large as the settings have it."""
    nodes = [_node(f"n{i}", ready="True" if i < 2 else "Unknown") for i in range(6)]
    slow = ControllerSettings(secondary_node_eviction_rate=0.02, large_cluster_size_threshold=5)
    lenient = ControllerSettings(node_eviction_rate=2.0, unhealthy_zone_threshold=0.9)

    assert node_health.eviction_rates(nodes, SETTINGS) == {":a": 0.0}
    assert node_health.eviction_rates(nodes, slow) == {":a": 0.02}
    assert node_health.eviction_rates(nodes, lenient) == {":a": 2.0}
