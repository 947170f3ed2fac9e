"""ServiceCIDRs beside the first: addresses from them, and when they may go."""

from typing import Any

import pytest

from engine.api.codec import encode
from engine.api.core import Service
from engine.api.scheme import make_kind
from engine.apiserver.errors import ApiError, InvalidError, NotFoundError
from engine.controllers.service_cidr import FINALIZER, IN_USE
from tests.engine.plant import Plant

RANGE = make_kind("networking.k8s.io/v1", "ServiceCIDR")
API = "networking.k8s.io/v1"


@pytest.fixture
def plant() -> Plant:
    """A range with two addresses, which the first services take."""
    made = Plant()
    widen(made, "kubernetes", "10.96.0.0/30")
    return made


def widen(plant: Plant, name: str, *cidrs: str) -> None:
    """Make a ServiceCIDR, and give its controller time."""
    plant.apply(
        apiVersion=API, kind="ServiceCIDR", metadata={"name": name}, spec={"cidrs": list(cidrs)}
    )
    plant.run(1.0)


def address_of(plant: Plant, name: str, wanted: str = "") -> str:
    """The address of a new service."""
    spec: dict[str, Any] = {"ports": [{"port": 80}]}
    if wanted:
        spec["clusterIP"] = wanted
    metadata = {"name": name, "namespace": "default"}
    plant.apply(apiVersion="v1", kind="Service", metadata=metadata, spec=spec)
    plant.run(1.0)
    return plant.client.get(Service, name, namespace="default").spec.cluster_ip


def ready(plant: Plant, name: str) -> dict[str, Any]:
    """What the range says of itself."""
    found: dict[str, Any] = encode(plant.client.get(RANGE, name))["status"]["conditions"][0]
    return found


def test_when_the_first_range_is_full_addresses_come_from_another(plant: Plant) -> None:
    """And without one there are none."""
    assert {address_of(plant, "a"), address_of(plant, "b")} == {"10.96.0.1", "10.96.0.2"}
    with pytest.raises(ApiError, match="failed to allocate a serviceIP: range is full"):
        address_of(plant, "c")

    widen(plant, "more", "10.200.0.0/24")

    assert address_of(plant, "c").startswith("10.200.0.")
    assert address_of(plant, "d", "10.200.0.77") == "10.200.0.77"
    with pytest.raises(InvalidError, match="does not match the current range"):
        address_of(plant, "e", "10.201.0.1")


def test_a_range_in_use_is_not_let_go(plant: Plant) -> None:
    """Nothing is given from it meanwhile; it goes when its last address is free."""
    widen(plant, "more", "10.200.0.0/24")
    address_of(plant, "a", "10.200.0.7")
    assert plant.client.get(RANGE, "more").metadata.finalizers == (FINALIZER,)

    plant.client.delete(RANGE, "more")
    plant.run(60.0)

    condition = ready(plant, "more")
    assert (condition["status"], condition["reason"]) == ("False", "Terminating")
    assert condition["message"] == IN_USE
    with pytest.raises(InvalidError, match="does not match the current range"):
        address_of(plant, "b", "10.200.0.8")
    plant.client.delete(Service, "a", namespace="default")
    plant.run(60.0)
    with pytest.raises(NotFoundError):
        plant.client.get(RANGE, "more")


def test_a_range_whose_addresses_lie_in_another_too_may_go(plant: Plant) -> None:
    """Its services keep them."""
    widen(plant, "more", "10.200.0.0/24")
    address_of(plant, "a", "10.200.0.7")
    plant.client.delete(RANGE, "more")
    plant.run(5.0)

    widen(plant, "wider", "10.200.0.0/16")
    plant.run(60.0)

    with pytest.raises(NotFoundError):
        plant.client.get(RANGE, "more")
    service = plant.client.get(Service, "a", namespace="default")
    assert service.spec.cluster_ip == "10.200.0.7"


def test_what_others_say_of_a_range_stays(plant: Plant) -> None:
    """The controller adds but what it has to say itself."""
    own = {"type": "Test", "status": "True"}
    plant.client.patch(RANGE, "kubernetes", {"status": {"conditions": [own]}}, subresource="status")
    plant.run(5.0)

    found = encode(plant.client.get(RANGE, "kubernetes"))["status"]["conditions"]
    assert [one["type"] for one in found] == ["Test", "Ready"]


@pytest.mark.parametrize(
    ("cidrs", "said"),
    [
        ((), "spec.cidrs: Required value: at least one CIDR required"),
        (("10.1.0.0",), "must be a valid CIDR value"),
        (("10.1.0.1/16",), "must not have bits set beyond the prefix length"),
        (("10.1.0.0/16", "10.2.0.0/16"), "may specify no more than one IP for each IP family"),
    ],
)
def test_a_range_that_is_none_is_refused(plant: Plant, cidrs: tuple[str, ...], said: str) -> None:
    """In Kubernetes' words."""
    with pytest.raises(InvalidError) as error:
        widen(plant, "bad", *cidrs)
    assert said in str(error.value)
