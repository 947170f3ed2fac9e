"""What is given back to a quota."""

import pytest

from engine.api.core import ConfigMap
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.quota import ResourceQuota, ResourceQuotaSpec
from tests.engine.plant import Plant, deployment

META = ObjectMeta(name="q", namespace="default")


@pytest.fixture
def plant() -> Plant:
    """A cluster with room for everything."""
    made = Plant()
    made.add_node("n1")
    made.run(1.0)
    return made


def _quota(plant: Plant, **hard: str) -> None:
    named = {key.replace("_", "/"): value for key, value in hard.items()}
    spec = ResourceQuotaSpec(hard=FrozenDict(named))
    plant.client.create(ResourceQuota(metadata=META, spec=spec))
    plant.run(2.0)


def test_a_new_quota_counts_what_is_there(plant: Plant) -> None:
    """Before that it does not know, and lets nothing through."""
    plant.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))

    _quota(plant, count_configmaps="9", pods="3")

    status = plant.get(ResourceQuota, "q").status
    assert status.hard == {"count/configmaps": "9", "pods": "3"}
    used = len(plant.client.list(ConfigMap, namespace="default").items)
    assert status.used == {"count/configmaps": str(used), "pods": "0"}


def test_what_is_deleted_is_given_back(plant: Plant) -> None:
    """And what could not be made for want of it is made then."""
    _quota(plant, pods="2")
    plant.apply(**deployment("web", replicas=3))
    plant.run(30.0)
    assert len(plant.all(Pod)) == 2
    assert plant.get(ResourceQuota, "q").status.used == {"pods": "2"}

    plant.client.delete(Pod, plant.all(Pod)[0].metadata.name, namespace="default")
    plant.run(60.0)

    assert len(plant.all(Pod)) == 2
    assert plant.get(ResourceQuota, "q").status.used == {"pods": "2"}


def test_a_claim_nobody_mounts_goes_when_it_is_deleted(plant: Plant) -> None:
    """Its finalizer keeps it no longer than somebody uses it."""
    plant.apply(
        apiVersion="v1",
        kind="PersistentVolumeClaim",
        metadata={"name": "c", "namespace": "default"},
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    )
    assert plant.get(PersistentVolumeClaim, "c").metadata.finalizers != ()

    plant.client.delete(PersistentVolumeClaim, "c", namespace="default")
    plant.run(5.0)

    assert plant.all(PersistentVolumeClaim) == ()
