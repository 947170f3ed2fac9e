"""A namespace goes after its content."""

import pytest

from engine.api.core import ConfigMap, Namespace, ServiceAccount
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta, condition_of
from engine.api.pod import Pod
from engine.controllers.namespace import Remaining, deletion_conditions
from tests.engine.plant import Plant, deployment


@pytest.fixture
def plant() -> Plant:
    """A node and a namespace with a deployment in it."""
    made = Plant()
    made.add_node("n0")
    made.client.create(Namespace(metadata=ObjectMeta(name="shop")))
    wanted = deployment(replicas=2)
    wanted["metadata"] = {"name": "web", "namespace": "shop"}
    made.run(1.0)
    made.apply(**wanted)
    made.run(10.0)
    return made


def test_every_namespace_has_a_default_service_account(plant: Plant) -> None:
    """It comes with the namespace, and comes back."""
    plant.client.delete(ServiceAccount, "default", namespace="shop")
    plant.run(1.0)

    assert plant.get(ServiceAccount, "default", "shop").metadata.name == "default"


def test_content_goes_before_the_namespace(plant: Plant) -> None:
    """While pods end, the namespace is Terminating and says what is left."""
    plant.stop_delay = 5.0

    plant.client.delete(Namespace, "shop")
    plant.run(2.0)
    during = plant.get(Namespace, "shop", "")
    plant.run(20.0)

    remaining = condition_of(during.status.conditions, "NamespaceContentRemaining")
    assert remaining is not None
    assert remaining.message == "Some resources are remaining: pods. has 2 resource instances"
    assert during.status.phase == "Terminating"
    assert "shop" not in [found.metadata.name for found in plant.all(Namespace)]
    assert [pod for pod in plant.all(Pod) if pod.metadata.namespace == "shop"] == []


def test_a_finalizer_in_it_holds_a_namespace(plant: Plant) -> None:
    """Until somebody removes it, the namespace says which one."""
    meta = ObjectMeta(name="held", namespace="shop", finalizers=("example.com/hold",))
    plant.client.create(ConfigMap(metadata=meta, data=FrozenDict({"a": "b"})))
    plant.client.delete(Namespace, "shop")
    plant.run(30.0)
    held = plant.get(Namespace, "shop", "")

    plant.client.patch(ConfigMap, "held", {"metadata": {"finalizers": []}}, namespace="shop")
    plant.run(60.0)

    finalizers = condition_of(held.status.conditions, "NamespaceFinalizersRemaining")
    assert finalizers is not None
    assert "example.com/hold in 1 resource instances" in finalizers.message
    assert "shop" not in [found.metadata.name for found in plant.all(Namespace)]


def test_conditions_keep_their_time_while_nothing_changes() -> None:
    """Only a changed status moves the transition time."""
    empty = Remaining({}, {}, 0.0)
    first = deletion_conditions((), empty, now=1.0)

    second = deletion_conditions(first, Remaining({"pods.": 1}, {}, 0.0), now=2.0)

    assert deletion_conditions(first, empty, now=9.0) == first
    changed = condition_of(second, "NamespaceContentRemaining")
    assert changed is not None
    assert (changed.status, changed.last_transition_time) == ("True", 2.0)


def test_pods_go_before_what_they_may_need(plant: Plant) -> None:
    """OrderedNamespaceDeletion: a config map stays until the last pod has ended."""
    plant.stop_delay = 5.0
    plant.apply(apiVersion="v1", kind="Namespace", metadata={"name": "team"})
    plant.run(1.0)
    plant.apply(
        apiVersion="v1", kind="ConfigMap", metadata={"name": "settings", "namespace": "team"}
    )
    plant.apply(
        apiVersion="v1",
        kind="Pod",
        metadata={"name": "web", "namespace": "team"},
        spec={"containers": [{"name": "c", "image": "demo"}]},
    )
    plant.run(3.0)

    plant.client.delete(Namespace, "team")
    plant.run(2.0)
    assert plant.get(ConfigMap, "settings", "team").metadata.name == "settings"
    remaining = condition_of(
        plant.get(Namespace, "team", "").status.conditions, "NamespaceContentRemaining"
    )
    assert remaining is not None
    assert remaining.message == "Some resources are remaining: pods. has 1 resource instances"

    plant.run(6.0)
    assert "team" not in [namespace.metadata.name for namespace in plant.all(Namespace)]
