"""DaemonSets: one pod on every node that suits, replaced a few at a time."""

from typing import Any

import attrs
import pytest

from engine.api.node import Node, Taint
from engine.api.pod import Pod
from engine.api.stateful import ControllerRevision, DaemonSet
from engine.controllers.daemonset.placement import target_node
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Three nodes."""
    made = Plant()
    for name in ("n0", "n1", "n2"):
        made.add_node(name)
    made.run(1.0)
    return made


def _apply(plant: Plant, pod: dict[str, Any] | None = None, **spec: Any) -> None:
    plant.apply(
        apiVersion="apps/v1",
        kind="DaemonSet",
        metadata={"name": "agent", "namespace": "default"},
        spec={
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "c", "image": "demo:v1"}], **(pod or {})},
            },
            **spec,
        },
    )
    plant.run(4.0)


def _change(plant: Plant, image: str) -> None:
    found = plant.get(DaemonSet, "agent")
    template = found.spec.template
    containers = tuple(attrs.evolve(c, image=image) for c in template.spec.containers)
    template = attrs.evolve(template, spec=attrs.evolve(template.spec, containers=containers))
    plant.client.update(attrs.evolve(found, spec=attrs.evolve(found.spec, template=template)))


def _nodes(plant: Plant) -> list[str]:
    return sorted(pod.spec.node_name for pod in plant.all(Pod))


def _images(plant: Plant) -> list[str]:
    return sorted(
        pod.spec.containers[0].image.partition(":")[2]
        for pod in plant.all(Pod)
        if pod.metadata.deletion_timestamp is None
    )


def _taint(plant: Plant, node: str, effect: str) -> None:
    found = plant.get(Node, node, "")
    taints = (*found.spec.taints, Taint(key="reserved", effect=effect))
    plant.client.update(attrs.evolve(found, spec=attrs.evolve(found.spec, taints=taints)))


def test_every_node_gets_one_also_one_that_comes_later(plant: Plant) -> None:
    """Pinned to it by affinity, so that the scheduler binds it."""
    _apply(plant)
    plant.add_node("n3")
    plant.run(4.0)

    assert _nodes(plant) == ["n0", "n1", "n2", "n3"]
    assert all(target_node(pod) == pod.spec.node_name for pod in plant.all(Pod))
    status = plant.get(DaemonSet, "agent").status
    assert (status.desired_number_scheduled, status.current_number_scheduled) == (4, 4)
    assert (status.number_ready, status.number_available) == (4, 4)
    assert status.updated_number_scheduled == 4


def test_only_fitting_nodes_count(plant: Plant) -> None:
    """By labels of the template; a node that fits no longer loses its pod."""
    _apply(plant, {"nodeSelector": {"kubernetes.io/hostname": "n1"}})

    assert _nodes(plant) == ["n1"]
    assert plant.get(DaemonSet, "agent").status.desired_number_scheduled == 1


@pytest.mark.parametrize(
    ("effect", "nodes", "misscheduled"),
    [("NoExecute", ["n0", "n2"], 0), ("NoSchedule", ["n0", "n1", "n2"], 1)],
)
def test_taints_that_come_later(
    plant: Plant, effect: str, nodes: list[str], misscheduled: int
) -> None:
    """NoExecute drives the pod away; under NoSchedule it may stay, but is misscheduled."""
    _apply(plant)
    _taint(plant, "n1", effect)
    plant.run(4.0)

    assert _nodes(plant) == nodes
    assert plant.get(DaemonSet, "agent").status.number_misscheduled == misscheduled


def test_daemon_pods_stay_when_their_node_is_in_trouble(plant: Plant) -> None:
    """They tolerate not-ready, unreachable, pressure and cordons."""
    _apply(plant)
    node = plant.get(Node, "n0", "")
    plant.client.update(attrs.evolve(node, spec=attrs.evolve(node.spec, unschedulable=True)))
    plant.silent["n0"] = None
    plant.run(400.0)

    assert _nodes(plant) == ["n0", "n1", "n2"]


def test_an_update_takes_down_one_node_at_a_time(plant: Plant) -> None:
    """MaxUnavailable 1: never fewer than two available."""
    _apply(plant)
    _change(plant, "demo:v2")

    lowest = 3
    for _ in range(60):
        plant.run(0.25)
        lowest = min(lowest, plant.get(DaemonSet, "agent").status.number_available)

    assert _images(plant) == ["v2", "v2", "v2"]
    assert lowest == 2


def test_a_surging_update_starts_the_new_pod_first(plant: Plant) -> None:
    """maxSurge: no node is without an available pod."""
    rolling = {"maxSurge": 1, "maxUnavailable": 0}
    _apply(plant, updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    _change(plant, "demo:v2")

    lowest, most = 3, 3
    for _ in range(60):
        plant.run(0.25)
        lowest = min(lowest, plant.get(DaemonSet, "agent").status.number_available)
        most = max(most, len(_images(plant)))

    assert _images(plant) == ["v2", "v2", "v2"]
    assert (lowest, most) == (3, 4)


def test_going_back_replaces_only_what_was_replaced(plant: Plant) -> None:
    """A rollback of a stuck update leaves pods alone that are of the old template already."""
    plant.broken["demo:bad"] = None
    _apply(plant)
    _change(plant, "demo:bad")
    plant.run(6.0)
    kept = {p.metadata.uid for p in plant.all(Pod) if p.spec.containers[0].image == "demo:v1"}
    assert len(kept) == 2

    _change(plant, "demo:v1")
    plant.run(6.0)

    assert _images(plant) == ["v1", "v1", "v1"]
    assert kept <= {pod.metadata.uid for pod in plant.all(Pod)}
    assert sorted(r.number for r in plant.all(ControllerRevision)) == [2, 3]


def test_a_failed_pod_is_replaced(plant: Plant) -> None:
    """With a warning that names it."""
    _apply(plant)
    victim = plant.all(Pod)[0]

    plant.end(victim.metadata.name, exit_code=1)
    plant.run(5.0)

    assert _nodes(plant) == ["n0", "n1", "n2"]
    assert plant.events("FailedDaemonPod") == [
        f"Found failed daemon pod {victim.key} on node {victim.spec.node_name}, will try to kill it"
    ]
