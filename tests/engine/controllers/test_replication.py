"""ReplicationControllers are kept like ReplicaSets; budgets know every scaled kind."""

from typing import Any

import pytest

from engine.api.events import Event
from engine.api.meta import condition_of
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget
from engine.api.replication import ReplicationController
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """One node."""
    made = Plant()
    made.add_node("n0")
    made.run(1.0)
    return made


def _apply(plant: Plant, kind: str, name: str, spec: dict[str, Any], version: str = "v1") -> None:
    metadata = {"name": name, "namespace": "default"}
    plant.apply(apiVersion=version, kind=kind, metadata=metadata, spec=spec)


def _template() -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "demo"}]},
    }


def test_it_keeps_its_pods_and_adopts_others(plant: Plant) -> None:
    """A pod with its labels that is there already is one of them."""
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": "orphan", "namespace": "default", "labels": {"app": "web"}},
        spec={"containers": [{"name": "c", "image": "demo"}]},
    )
    spec = {"replicas": 3, "selector": {"app": "web"}, "template": _template()}
    _apply(plant, "ReplicationController", "web", spec)
    plant.run(5.0)

    status = plant.get(ReplicationController, "web").status
    assert (status.replicas, status.ready_replicas, status.observed_generation) == (3, 3, 1)
    owner = plant.get(Pod, "orphan").metadata.owner_references[0]
    assert (owner.kind, owner.api_version, owner.controller) == (
        "ReplicationController",
        "v1",
        True,
    )


@pytest.mark.parametrize(
    ("kind", "version", "selector"),
    [
        ("ReplicationController", "v1", {"app": "web"}),
        ("ReplicaSet", "apps/v1", {"matchLabels": {"app": "web"}}),
        ("StatefulSet", "apps/v1", {"matchLabels": {"app": "web"}}),
    ],
)
def test_a_budget_in_percent_counts_what_the_controller_wants(
    plant: Plant, kind: str, version: str, selector: dict[str, Any]
) -> None:
    """Half of four, rounded up, must stay."""
    spec = {"replicas": 4, "selector": selector, "template": _template()}
    if kind == "StatefulSet":
        spec |= {"serviceName": "web", "podManagementPolicy": "Parallel"}
    _apply(plant, kind, "web", spec, version)
    labels = {"matchLabels": {"app": "web"}}
    budget = {"minAvailable": "50%", "selector": labels}
    _apply(plant, "PodDisruptionBudget", "web", budget, "policy/v1")
    plant.run(8.0)

    status = plant.get(PodDisruptionBudget, "web").status

    assert (status.expected_pods, status.desired_healthy) == (4, 2)
    assert (status.current_healthy, status.disruptions_allowed) == (4, 2)


def test_a_lone_pod_counts_for_nothing_in_a_budget_of_parts(plant: Plant) -> None:
    """Nobody says how many there should be: no pod may go, and an event says what to do."""
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": "lone", "namespace": "default", "labels": {"app": "web"}},
        spec={"containers": [{"name": "c", "image": "demo"}]},
    )
    labels = {"matchLabels": {"app": "web"}}
    budget = {"maxUnavailable": 1, "selector": labels}
    _apply(plant, "PodDisruptionBudget", "web", budget, "policy/v1")
    plant.run(5.0)

    status = plant.get(PodDisruptionBudget, "web").status
    condition = condition_of(status.conditions, "DisruptionAllowed")

    assert status.disruptions_allowed == 0
    assert condition is not None
    assert condition.reason == "InsufficientPods"
    assert (status.expected_pods, status.current_healthy) == (0, 1)
    (said,) = [event.message for event in plant.all(Event) if event.reason == "UnmanagedPods"]
    assert said.startswith(
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:"
        "map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) were found "
        "to be unmanaged."
    )
