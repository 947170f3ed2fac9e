"""StatefulSets: numbered pods that start, change and go in order."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.stateful import ControllerRevision, StatefulSet
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Two nodes."""
    made = Plant()
    made.add_node("n0")
    made.add_node("n1")
    made.run(1.0)
    return made


def _apply(plant: Plant, **spec: Any) -> None:
    plant.apply(
        apiVersion="apps/v1",
        kind="StatefulSet",
        metadata={"name": "web", "namespace": "default"},
        spec={
            "replicas": 3,
            "serviceName": "web",
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "demo:v1"}]},
            },
            **spec,
        },
    )


def _set(plant: Plant) -> StatefulSet:
    return plant.get(StatefulSet, "web")


def _change(plant: Plant, image: str = "", **spec: Any) -> None:
    found = _set(plant)
    template = found.spec.template
    if image:
        containers = tuple(attrs.evolve(c, image=image) for c in template.spec.containers)
        template = attrs.evolve(template, spec=attrs.evolve(template.spec, containers=containers))
    changed = attrs.evolve(found.spec, template=template, **spec)
    plant.client.update(attrs.evolve(found, spec=changed))


def _images(plant: Plant) -> list[str]:
    return [pod.spec.containers[0].image.partition(":")[2] for pod in plant.all(Pod)]


def _claims(plant: Plant) -> list[str]:
    """Those that stay."""
    found = plant.all(PersistentVolumeClaim)
    return [c.metadata.name for c in found if c.metadata.deletion_timestamp is None]


def _log(plant: Plant, seconds: float, look: Callable[[], object]) -> list[object]:
    """What *look* saw over time, without repetitions."""
    seen: list[object] = []
    for _ in range(int(seconds / 0.25)):
        plant.run(0.25)
        now = look()
        if not seen or seen[-1] != now:
            seen.append(now)
    return seen


def test_pods_start_one_after_the_other(plant: Plant) -> None:
    """The next is created when the one before is ready."""
    _apply(plant)

    assert _log(plant, 8.0, lambda: len(plant.all(Pod))) == [1, 2, 3]
    assert [pod.metadata.name for pod in plant.all(Pod)] == ["web-0", "web-1", "web-2"]
    status = _set(plant).status
    assert (status.replicas, status.ready_replicas, status.available_replicas) == (3, 3, 3)
    assert (status.current_replicas, status.updated_replicas) == (3, 3)
    assert status.current_revision == status.update_revision != ""


def test_a_pod_that_is_not_ready_holds_up_the_next(plant: Plant) -> None:
    """Under OrderedReady; under Parallel nobody waits."""
    plant.broken["demo:v1"] = None
    _apply(plant)
    plant.run(10.0)
    assert len(plant.all(Pod)) == 1


def test_parallel_pods_start_together(plant: Plant) -> None:
    """All at once, and they go at once."""
    _apply(plant, podManagementPolicy="Parallel")
    plant.run(0.5)
    assert len(plant.all(Pod)) == 3
    plant.run(5.0)
    _change(plant, replicas=0)
    plant.run(0.5)
    assert all(pod.metadata.deletion_timestamp is not None for pod in plant.all(Pod))


def test_pods_carry_their_identity(plant: Plant) -> None:
    """Name, labels, host name and subdomain; numbers begin at ordinals.start."""
    _apply(plant, replicas=1, ordinals={"start": 5})
    plant.run(3.0)

    pod = plant.all(Pod)[0]

    assert pod.metadata.name == pod.spec.hostname == "web-5"
    assert pod.spec.subdomain == "web"
    labels = pod.metadata.labels
    assert labels["statefulset.kubernetes.io/pod-name"] == "web-5"
    assert labels["apps.kubernetes.io/pod-index"] == "5"
    assert labels["controller-revision-hash"] == _set(plant).status.update_revision


def test_scaling_down_takes_the_highest_number_first(plant: Plant) -> None:
    """One at a time."""
    _apply(plant)
    plant.run(8.0)
    _change(plant, replicas=1)

    seen = _log(plant, 8.0, lambda: [pod.metadata.name for pod in plant.all(Pod)])

    assert seen == [["web-0", "web-1", "web-2"], ["web-0", "web-1"], ["web-0"]]


def test_an_update_goes_from_the_highest_number_down(plant: Plant) -> None:
    """Each pod is replaced when the one before is ready again."""
    _apply(plant)
    plant.run(8.0)
    before = _set(plant).status.current_revision
    _change(plant, "demo:v2")

    seen = [s for s in _log(plant, 15.0, lambda: _images(plant)) if len(s) == 3]  # type: ignore[arg-type]  # lists of names

    assert seen == [
        ["v1", "v1", "v1"],
        ["v1", "v1", "v2"],
        ["v1", "v2", "v2"],
        ["v2", "v2", "v2"],
    ]
    status = _set(plant).status
    assert status.current_revision == status.update_revision != before


def test_a_partition_keeps_lower_numbers_as_they_are(plant: Plant) -> None:
    """Also when one of them is made anew."""
    _apply(plant, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})
    plant.run(8.0)
    _change(plant, "demo:v2")
    plant.run(8.0)
    assert _images(plant) == ["v1", "v1", "v2"]

    plant.client.delete(Pod, "web-0", namespace="default")
    plant.run(8.0)

    assert _images(plant) == ["v1", "v1", "v2"]
    status = _set(plant).status
    assert (status.current_replicas, status.updated_replicas) == (2, 1)


def test_on_delete_waits_for_somebody_to_delete(plant: Plant) -> None:
    """Then the new pod is of the new template."""
    _apply(plant, updateStrategy={"type": "OnDelete"})
    plant.run(8.0)
    _change(plant, "demo:v2")
    plant.run(8.0)
    assert _images(plant) == ["v1", "v1", "v1"]

    plant.client.delete(Pod, "web-1", namespace="default")
    plant.run(5.0)

    assert _images(plant) == ["v1", "v2", "v1"]


def test_a_broken_update_stays_stuck_until_its_pod_is_deleted(plant: Plant) -> None:
    """Reverting the template alone does not help under OrderedReady (documented)."""
    plant.broken["demo:bad"] = None
    _apply(plant)
    plant.run(8.0)
    _change(plant, "demo:bad")
    plant.run(10.0)
    assert _images(plant) == ["v1", "v1", "bad"]
    _change(plant, "demo:v1")
    plant.run(10.0)
    assert _images(plant) == ["v1", "v1", "bad"]

    plant.client.delete(Pod, "web-2", namespace="default")
    plant.run(5.0)

    assert _images(plant) == ["v1", "v1", "v1"]


def test_an_ended_pod_is_made_anew(plant: Plant) -> None:
    """Under its own name, with a warning."""
    _apply(plant, replicas=1)
    plant.run(3.0)
    uid = plant.get(Pod, "web-0").metadata.uid

    plant.end("web-0", exit_code=1)
    plant.run(5.0)

    assert plant.get(Pod, "web-0").metadata.uid != uid
    assert plant.events("RecreatingFailedPod") == [
        "StatefulSet default/web is recreating failed Pod web-0"
    ]


def test_going_back_gives_the_old_revision_the_highest_number(plant: Plant) -> None:
    """No revision is kept twice; history beyond the limit goes."""
    _apply(plant, replicas=1, revisionHistoryLimit=1)
    for image in ("demo:v2", "demo:v3", "demo:v2"):
        plant.run(5.0)
        _change(plant, image)
    plant.run(5.0)

    assert sorted(revision.number for revision in plant.all(ControllerRevision)) == [3, 4]


@pytest.mark.parametrize(
    ("when_scaled", "when_deleted", "after_scaling", "after_deletion"),
    [
        ("Retain", "Retain", 2, 2),
        ("Delete", "Retain", 1, 1),
        ("Retain", "Delete", 2, 0),
        ("Delete", "Delete", 1, 0),
    ],
)
def test_claims_go_as_the_retention_policy_says(
    plant: Plant, when_scaled: str, when_deleted: str, after_scaling: int, after_deletion: int
) -> None:
    """With their pod, with their set, or not at all."""
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    policy = {"whenScaled": when_scaled, "whenDeleted": when_deleted}
    _apply(
        plant,
        replicas=2,
        podManagementPolicy="Parallel",
        volumeClaimTemplates=[claim],
        persistentVolumeClaimRetentionPolicy=policy,
    )
    plant.run(6.0)
    assert _claims(plant) == ["data-web-0", "data-web-1"]

    _change(plant, replicas=1)
    plant.run(6.0)
    assert len(_claims(plant)) == after_scaling
    plant.client.delete(StatefulSet, "web", namespace="default", propagation_policy="Background")
    plant.run(10.0)
    assert len(_claims(plant)) == after_deletion


def test_max_unavailable_lets_several_be_replaced_at_once(plant: Plant) -> None:
    """Two of five at a time, and never more (MaxUnavailableStatefulSet)."""
    rolling = {"partition": 0, "maxUnavailable": "40%"}
    _apply(
        plant,
        replicas=5,
        podManagementPolicy="Parallel",
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling},
    )
    plant.run(4.0)
    _change(plant, "demo:v2")

    # A pod that is going may still be ready; what counts is how many stay and are.
    staying = _log(plant, 15.0, lambda: len(plant.running()))

    assert _images(plant) == ["v2"] * 5
    assert min(count for count in staying if isinstance(count, int)) == 3


def test_a_pod_that_nodes_refuse_is_made_anew_without_haste(plant: Plant) -> None:
    """Refused at once again and again, it keeps nobody else from working."""
    plant.start_delay = 1000.0
    _apply(plant, replicas=1)
    refused = 0
    for _ in range(100):
        plant.run(0.1)
        for pod in plant.all(Pod):
            if pod.status.phase == "Pending":
                refused += 1
                plant.client.update_status(
                    attrs.evolve(pod, status=attrs.evolve(pod.status, phase="Failed"))
                )

    assert 4 <= refused <= 11
    assert set(plant.events("RecreatingFailedPod")) == {
        "StatefulSet default/web is recreating failed Pod web-0"
    }
