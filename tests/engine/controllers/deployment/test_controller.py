"""Deployments from apply to ready pods, on a real API server."""

import pytest

from engine.api.apps import Deployment, ReplicaSet
from engine.api.meta import condition_of
from engine.api.pod import Pod
from tests.engine.plant import Plant, deployment


@pytest.fixture
def plant() -> Plant:
    """Two nodes."""
    made = Plant()
    made.add_node("n0")
    made.add_node("n1")
    made.run(1.0)
    return made


def _set_image(plant: Plant, image: str) -> None:
    template = {"spec": {"containers": [{"name": "web", "image": image}]}}
    plant.client.patch(
        Deployment, "web", {"spec": {"template": template}}, namespace="default", type="strategic"
    )


def _patch(plant: Plant, **spec: object) -> None:
    plant.client.patch(Deployment, "web", {"spec": spec}, namespace="default")


def _images(plant: Plant) -> list[str]:
    return sorted(pod.spec.containers[0].image for pod in plant.all(Pod))


def _progress(plant: Plant) -> str:
    found = condition_of(plant.get(Deployment, "web").status.conditions, "Progressing")
    assert found is not None
    return found.reason


def test_a_deployment_gets_its_pods(plant: Plant) -> None:
    """Applying is enough: a ReplicaSet, pods, nodes, and a status that says complete."""
    plant.apply(**deployment(replicas=3))

    plant.run(10.0)

    status = plant.get(Deployment, "web").status
    assert (status.replicas, status.available_replicas, status.updated_replicas) == (3, 3, 3)
    assert _progress(plant) == "NewReplicaSetAvailable"


def test_a_rolling_update_never_has_too_few_or_too_many_pods(plant: Plant) -> None:
    """With 25 % of 4, between 3 and 5 pods exist or are available at every moment."""
    plant.apply(**deployment(replicas=4))
    plant.run(10.0)

    _set_image(plant, "demo:v2")

    for _ in range(100):
        plant.run(0.1)
        ready = sum(found.status.available_replicas for found in plant.all(ReplicaSet))
        wanted = sum(found.spec.replicas or 0 for found in plant.all(ReplicaSet))
        assert ready >= 3
        assert wanted <= 5
    assert _images(plant) == ["demo:v2"] * 4


def test_going_back_to_an_old_template_reuses_its_set(plant: Plant) -> None:
    """The old ReplicaSet is found by its template and becomes the highest revision."""
    plant.apply(**deployment(replicas=2))
    plant.run(10.0)
    _set_image(plant, "demo:v2")
    plant.run(20.0)

    _set_image(plant, "demo:v1")
    plant.run(20.0)

    revisions = sorted(
        found.metadata.annotations["deployment.kubernetes.io/revision"]
        for found in plant.all(ReplicaSet)
    )
    assert revisions == ["2", "3"]
    assert _images(plant) == ["demo:v1"] * 2


def test_a_broken_update_stops_and_times_out(plant: Plant) -> None:
    """Pods that never become ready hold the rollout; the deadline reports it."""
    plant.apply(**deployment(replicas=4, progressDeadlineSeconds=30))
    plant.run(10.0)
    plant.broken["demo:v3"] = None

    _set_image(plant, "demo:v3")
    plant.run(60.0)

    assert _images(plant).count("demo:v1") == 3
    assert _progress(plant) == "ProgressDeadlineExceeded"


def test_a_broken_update_can_be_rolled_over(plant: Plant) -> None:
    """A third template replaces the broken second one without waiting for it."""
    plant.apply(**deployment(replicas=4))
    plant.run(10.0)
    plant.broken["demo:v3"] = None
    _set_image(plant, "demo:v3")
    plant.run(10.0)

    _set_image(plant, "demo:v2")
    plant.run(30.0)

    assert _images(plant) == ["demo:v2"] * 4


def test_recreate_ends_all_old_pods_before_it_starts_new_ones(plant: Plant) -> None:
    """At no moment do pods of two templates exist."""
    plant.apply(**deployment(replicas=3, strategy={"type": "Recreate"}))
    plant.run(10.0)

    _set_image(plant, "demo:v2")

    for _ in range(100):
        plant.run(0.1)
        assert len(set(_images(plant))) <= 1
    assert _images(plant) == ["demo:v2"] * 3


def test_a_paused_deployment_scales_but_does_not_roll_out(plant: Plant) -> None:
    """Changes of the template wait until it is resumed; the number of pods does not."""
    plant.apply(**deployment(replicas=2))
    plant.run(10.0)
    _patch(plant, paused=True)
    _set_image(plant, "demo:v2")

    _patch(plant, replicas=4)
    plant.run(10.0)
    paused = _images(plant)
    reason = _progress(plant)
    _patch(plant, paused=False)
    plant.run(30.0)

    assert paused == ["demo:v1"] * 4
    assert reason == "DeploymentPaused"
    assert _images(plant) == ["demo:v2"] * 4


def test_old_sets_beyond_the_history_limit_are_removed(plant: Plant) -> None:
    """With a limit of 1, three rollouts leave the new set and one old one."""
    plant.apply(**deployment(replicas=1, revisionHistoryLimit=1))
    for image in ("demo:v2", "demo:v3", "demo:v4"):
        plant.run(10.0)
        _set_image(plant, image)
    plant.run(10.0)

    assert len(plant.all(ReplicaSet)) == 2


def test_min_ready_seconds_delay_availability(plant: Plant) -> None:
    """Ready pods count as available only after they have been so for long enough."""
    plant.apply(**deployment(replicas=1, minReadySeconds=10))

    plant.run(5.0)
    early = plant.get(Deployment, "web").status
    plant.run(10.0)
    late = plant.get(Deployment, "web").status

    assert (early.ready_replicas, early.available_replicas) == (1, 0)
    assert late.available_replicas == 1


def test_events_tell_what_was_scaled(plant: Plant) -> None:
    """The words are those of Kubernetes."""
    plant.apply(**deployment(replicas=2))
    plant.run(5.0)

    name = plant.all(ReplicaSet)[0].metadata.name
    assert plant.events("ScalingReplicaSet") == [f"Scaled up replica set {name} from 0 to 2"]


def test_a_replica_set_that_cannot_be_made_is_told_of() -> None:
    """In the condition and as an event, in the server's words."""
    plant = Plant()
    plant.add_node("n0")
    plant.apply(
        apiVersion="v1",
        kind="ResourceQuota",
        metadata={"name": "none", "namespace": "default"},
        spec={"hard": {"count/replicasets.apps": "0"}},
    )
    plant.run(2.0)
    plant.apply(**deployment())
    plant.run(3.0)

    found = condition_of(plant.get(Deployment, "web").status.conditions, "Progressing")
    assert found is not None
    assert (found.status, found.reason) == ("False", "ReplicaSetCreateError")
    assert found.message.startswith('Failed to create new replica set "web-')
    assert "exceeded quota: none" in found.message
    assert plant.events("ReplicaSetCreateError")[0] == found.message
