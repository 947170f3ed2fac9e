"""What goes with its owner, what waits for its dependents, and what stays."""

import pytest

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import ConfigMap, Namespace
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta, OwnerReference
from engine.api.pod import Pod
from engine.api.scheduling import PriorityClass
from engine.apiserver.request import Propagation
from tests.engine.plant import Plant, deployment


@pytest.fixture
def plant() -> Plant:
    """A node and a deployment with two pods."""
    made = Plant()
    made.add_node("n0")
    made.apply(**deployment(replicas=2))
    made.run(10.0)
    return made


def _map(
    plant: Plant, name: str, *owners: ConfigMap, block: bool | None = None, data: str = ""
) -> ConfigMap:
    references = tuple(
        OwnerReference(
            api_version="v1",
            kind="ConfigMap",
            name=owner.metadata.name,
            uid=owner.metadata.uid,
            block_owner_deletion=block,
        )
        for owner in owners
    )
    meta = ObjectMeta(name=name, namespace="default", owner_references=references)
    return plant.client.create(ConfigMap(metadata=meta, data=FrozenDict({"x": data})))


def _maps(plant: Plant) -> list[str]:
    return sorted(found.metadata.name for found in plant.all(ConfigMap))


def _delete(plant: Plant, name: str, policy: Propagation) -> None:
    plant.client.delete(ConfigMap, name, namespace="default", propagation_policy=policy)


def test_dependents_follow_their_owner_in_the_background(plant: Plant) -> None:
    """Deployment, ReplicaSet, pods: one deletion takes all."""
    plant.client.delete(Deployment, "web", namespace="default", propagation_policy="Background")
    at_once = plant.all(Deployment)
    plant.run(10.0)

    assert at_once == ()
    assert plant.all(ReplicaSet) == ()
    assert plant.all(Pod) == ()


def test_in_the_foreground_the_owner_goes_last(plant: Plant) -> None:
    """It stays, being deleted, until its dependents are gone."""
    plant.stop_delay = 5.0

    plant.client.delete(Deployment, "web", namespace="default", propagation_policy="Foreground")
    plant.run(3.0)
    during = (len(plant.all(Deployment)), len(plant.all(ReplicaSet)))
    plant.run(20.0)

    assert during == (1, 1)
    assert (plant.all(Deployment), plant.all(ReplicaSet), plant.all(Pod)) == ((), (), ())


def test_orphans_stay_and_lose_the_reference(plant: Plant) -> None:
    """The ReplicaSet and its pods live on without their Deployment."""
    plant.client.delete(Deployment, "web", namespace="default", propagation_policy="Orphan")
    plant.run(10.0)

    assert plant.all(Deployment) == ()
    (found,) = plant.all(ReplicaSet)
    assert found.metadata.owner_references == ()
    assert len(plant.all(Pod)) == 2


def test_one_living_owner_is_enough(plant: Plant) -> None:
    """The reference to the owner that went is dropped."""
    first, second = _map(plant, "first"), _map(plant, "second")
    _map(plant, "shared", first, second)
    plant.run(1.0)

    _delete(plant, "first", "Background")
    plant.run(5.0)

    assert _maps(plant) == ["second", "shared"]
    references = plant.get(ConfigMap, "shared").metadata.owner_references
    assert [owner.name for owner in references] == ["second"]


def test_a_reference_to_an_owner_that_never_was_is_a_lost_owner(plant: Plant) -> None:
    """The object goes: its owner cannot be found under that uid."""
    real = _map(plant, "owner")
    _delete(plant, "owner", "Background")
    _map(plant, "late", real)

    plant.run(5.0)

    assert _maps(plant) == []


def test_a_circle_of_owners_does_not_hold_itself(plant: Plant) -> None:
    """Deleting one in the foreground takes all, though each waits for another."""
    first = _map(plant, "first")
    second = _map(plant, "second", first, block=True)
    plant.client.patch(
        ConfigMap,
        "first",
        {
            "metadata": {
                "ownerReferences": [
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "second",
                        "uid": second.metadata.uid,
                        "blockOwnerDeletion": True,
                    }
                ]
            }
        },
        namespace="default",
    )
    plant.run(1.0)

    _delete(plant, "first", "Foreground")
    plant.run(20.0)

    assert _maps(plant) == []


def test_an_owner_of_an_unknown_kind_keeps_its_dependents(plant: Plant) -> None:
    """Nothing can be known about it, so nothing is deleted because of it."""
    reference = OwnerReference(api_version="example.com/v1", kind="Thing", name="t", uid="t-1")
    meta = ObjectMeta(name="kept", namespace="default", owner_references=(reference,))
    plant.client.create(ConfigMap(metadata=meta))

    plant.run(10.0)

    assert _maps(plant) == ["kept"]


def _refer(plant: Plant, dependent: str, namespace: str, **owner: str) -> None:
    reference = OwnerReference(**{"api_version": "v1", "kind": "ConfigMap", **owner})  # type: ignore[arg-type]
    meta = ObjectMeta(name=dependent, namespace=namespace, owner_references=(reference,))
    plant.client.create(ConfigMap(metadata=meta))


@pytest.mark.parametrize("is_owner_first", [True, False], ids=["owner seen", "owner not yet seen"])
def test_an_owner_in_another_namespace_is_none(plant: Plant, is_owner_first: bool) -> None:
    """The dependent goes, and an event tells why."""
    plant.client.create(Namespace(metadata=ObjectMeta(name="other")))
    owner = _map(plant, "owner")
    if is_owner_first:
        plant.run(1.0)
    _refer(plant, "stray", "other", name="owner", uid=owner.metadata.uid)
    plant.run(5.0)

    assert "stray" not in _maps(plant)
    told = (
        f"ownerRef [v1/ConfigMap, namespace: other, name: owner, uid: {owner.metadata.uid}] "
        'does not exist in namespace "other"'
    )
    assert plant.events("OwnerRefInvalidNamespace") in ([], [told])
    if is_owner_first:
        assert plant.events("OwnerRefInvalidNamespace")


def test_a_wrong_reference_does_not_cost_the_right_ones_their_owner(plant: Plant) -> None:
    """One dependent gives its owner a wrong name and goes; the other one stays."""
    owner = _map(plant, "owner")
    _map(plant, "good", owner)
    _refer(plant, "bad", "default", name="misspelt", uid=owner.metadata.uid)
    plant.run(5.0)
    _map(plant, "late", owner)
    plant.run(5.0)

    assert _maps(plant) == ["good", "late", "owner"]


def test_what_is_in_no_namespace_is_not_lost_to_an_owner_in_one(plant: Plant) -> None:
    """Nothing can be known of such an owner: the object stays."""
    reference = OwnerReference(api_version="v1", kind="ConfigMap", name="x", uid="nowhere")
    meta = ObjectMeta(name="lonely", owner_references=(reference,))
    plant.client.create(PriorityClass(metadata=meta, value=5))
    plant.run(5.0)

    assert "lonely" in [found.metadata.name for found in plant.all(PriorityClass)]
