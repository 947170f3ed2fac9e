"""ReplicaSets keep their number of pods, adopt, release, and report."""

import attrs
import pytest

from engine.api.apps import ReplicaSet
from engine.api.meta import controller_of
from engine.api.pod import Pod
from engine.controllers import owned_pods
from engine.controllers.replicaset import batches, replicas_diff
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Two nodes."""
    made = Plant()
    made.add_node("n0")
    made.add_node("n1")
    made.run(1.0)
    return made


def _apply(plant: Plant, replicas: int) -> None:
    plant.apply(
        apiVersion="apps/v1",
        kind="ReplicaSet",
        metadata={"name": "web", "namespace": "default"},
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "demo"}]},
            },
        },
    )


def _apply_pod(plant: Plant, name: str, **labels: str) -> None:
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": name, "namespace": "default", "labels": labels},
        spec={"containers": [{"name": "c", "image": "demo"}]},
    )


@pytest.mark.parametrize(
    ("wanted", "active", "expected"),
    [(3, 0, 3), (3, 3, 0), (0, 3, -3), (2000, 0, 500), (0, 2000, -500)],
)
def test_one_pass_changes_a_limited_number_of_pods(wanted: int, active: int, expected: int) -> None:
    """At most 500 either way."""
    assert replicas_diff(wanted, active) == expected


def test_creations_start_slowly() -> None:
    """Batches double, and the last one takes the rest."""
    assert batches(10) == (1, 2, 4, 3)
    assert batches(0) == ()


def test_changes_of_many_pods_are_gathered_for_longer(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has more is looked at less often; in the end the status is right all the same."""
    monkeypatch.setattr(owned_pods, "BATCH_PODS", 1)
    _apply(plant, 40)
    plant.run(20.0)
    assert plant.get(ReplicaSet, "web").status.ready_replicas == 40

    plant.client.delete(Pod, plant.all(Pod)[0].metadata.name, namespace="default")
    plant.run(3.0)
    assert len(plant.all(Pod)) == 39, "changes are gathered for 0.1 s, forty times"
    plant.run(20.0)

    assert plant.get(ReplicaSet, "web").status.ready_replicas == 40


def test_pods_are_created_and_counted(plant: Plant) -> None:
    """The status follows the pods."""
    _apply(plant, 3)
    plant.run(5.0)

    status = plant.get(ReplicaSet, "web").status
    assert (status.replicas, status.fully_labeled_replicas) == (3, 3)
    assert (status.ready_replicas, status.available_replicas) == (3, 3)
    assert len(plant.events("SuccessfulCreate")) == 3


def test_a_deleted_pod_is_replaced(plant: Plant) -> None:
    """A pod that is going no longer counts, so its successor comes at once."""
    _apply(plant, 2)
    plant.run(5.0)
    victim = plant.all(Pod)[0].metadata.name

    plant.client.delete(Pod, victim, namespace="default")
    plant.run(0.5)
    during = plant.all(Pod)
    plant.run(10.0)

    assert len(during) == 3
    assert len(plant.all(Pod)) == 2
    assert victim not in [pod.metadata.name for pod in plant.all(Pod)]


def test_matching_orphans_are_adopted(plant: Plant) -> None:
    """A pod that matches and has no controller counts towards the wanted number."""
    _apply_pod(plant, "stray", app="web")
    plant.run(3.0)

    _apply(plant, 2)
    plant.run(5.0)

    owner = controller_of(plant.get(Pod, "stray"))
    assert owner is not None
    assert owner.name == "web"
    assert len(plant.all(Pod)) == 2


def test_pods_that_no_longer_match_are_released_and_replaced(plant: Plant) -> None:
    """Changing a label takes a pod out, as people do to look at it."""
    _apply(plant, 2)
    plant.run(5.0)
    name = plant.all(Pod)[0].metadata.name

    plant.client.patch(Pod, name, {"metadata": {"labels": {"app": "debug"}}}, namespace="default")
    plant.run(5.0)

    assert controller_of(plant.get(Pod, name)) is None
    assert len(plant.all(Pod, "app=web")) == 2


def test_a_late_cache_does_not_create_pods_twice() -> None:
    """While the creations are on their way to the cache, nothing more is created."""
    plant = Plant()
    plant.add_node("n0")
    plant.manager_link.delay = 2.0
    plant.run(5.0)

    _apply(plant, 5)
    plant.run(60.0)

    assert len(plant.events("SuccessfulCreate")) == 5
    assert len(plant.all(Pod)) == 5


def test_a_refused_creation_is_reported_and_retried(plant: Plant) -> None:
    """The status carries ReplicaFailure while the server says no."""
    _apply(plant, 1)
    plant.run(5.0)
    found = plant.get(ReplicaSet, "web")
    assert found.status.conditions == ()

    # A template that the server refuses to make pods of.
    plant.client.patch(
        ReplicaSet,
        "web",
        {"spec": {"replicas": 2, "template": {"spec": {"priorityClassName": "missing"}}}},
        namespace="default",
    )
    plant.run(5.0)

    conditions = plant.get(ReplicaSet, "web").status.conditions
    assert [(c.type, c.reason) for c in conditions] == [("ReplicaFailure", "FailedCreate")]
    assert plant.events("FailedCreate")


def test_pods_that_have_ended_are_not_adopted() -> None:
    """Nobody takes them for its own; a running one is taken."""
    plant = Plant()
    plant.add_node("n0")
    for name in ("ended", "runs"):
        plant.apply(
            apiVersion="v1",
            kind="Pod",
            metadata={"name": name, "namespace": "default", "labels": {"app": "web"}},
            spec={"containers": [{"name": "c", "image": "demo:v1"}]},
        )
    plant.run(3.0)
    plant.end("ended")
    plant.apply(
        apiVersion="apps/v1",
        kind="ReplicaSet",
        metadata={"name": "web", "namespace": "default"},
        spec={
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "demo:v1"}]},
            },
        },
    )
    plant.run(3.0)

    owners = {pod.metadata.name: bool(pod.metadata.owner_references) for pod in plant.all(Pod)}
    assert owners == {"ended": False, "runs": True}


def test_pods_that_nodes_refuse_are_followed_without_haste(plant: Plant) -> None:
    """Refused at once again and again, they keep nobody else from working."""
    plant.start_delay = 1000.0
    _apply(plant, 1)
    for _ in range(100):
        plant.run(0.1)
        for pod in plant.all(Pod):
            if pod.status.phase == "Pending":
                status = attrs.evolve(pod.status, phase="Failed")
                plant.client.update_status(attrs.evolve(pod, status=status))

    assert 4 <= len(plant.all(Pod)) <= 11
