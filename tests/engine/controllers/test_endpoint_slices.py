"""Slices show the pods of a service with few writes."""

import attrs
import pytest

from engine.api.container import Container, ContainerPort
from engine.api.core import Service, ServicePort, ServiceSpec
from engine.api.discovery import EndpointSlice
from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, ObjectMeta
from engine.api.pod import Pod, PodSpec, PodStatus
from engine.api.wire import IntOrString, Time
from engine.controllers.endpoint_slices import CAPACITY, desired_endpoints, endpoint_of, plan
from engine.controllers.endpoints import subsets_of

LABELS = FrozenDict({"app": "web"})


def _service(target: IntOrString = 8080, **spec: object) -> Service:
    return Service(
        metadata=ObjectMeta(name="web", namespace="default", uid="s"),
        spec=attrs.evolve(
            ServiceSpec(
                selector=LABELS, ports=(ServicePort(port=80, target_port=target, name="http"),)
            ),
            **spec,  # type: ignore[arg-type]  # fields of the spec
        ),
    )


def _pod(number: int, *, ready: bool = True, going: bool = False, port: int = 8080) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            name=f"p{number}",
            namespace="default",
            uid=f"u{number}",
            labels=LABELS,
            deletion_timestamp=Time(1.0) if going else None,
        ),
        spec=PodSpec(
            node_name="n0",
            containers=(
                Container(name="c", ports=(ContainerPort(container_port=port, name="web"),)),
            ),
        ),
        status=PodStatus(
            phase="Running",
            pod_ip=f"10.0.{number // 250}.{number % 250 + 1}",
            conditions=(Condition(type="Ready", status="True" if ready else "False"),),
        ),
    )


def _plan_for(
    pods: list[Pod], existing: list[EndpointSlice], service: Service | None = None
) -> tuple[list[EndpointSlice], list[EndpointSlice], list[EndpointSlice]]:
    service = service or _service()
    changes = plan(service, desired_endpoints(service, pods, {}), existing)
    return list(changes.create), list(changes.update), list(changes.delete)


def _named(made: EndpointSlice, name: str) -> EndpointSlice:
    return attrs.evolve(made, metadata=attrs.evolve(made.metadata, name=name))


@pytest.mark.parametrize(
    ("ready", "going", "publishes", "expected"),
    [
        pytest.param(True, False, False, (True, True, False), id="ready"),
        pytest.param(False, False, False, (False, False, False), id="not-ready"),
        pytest.param(True, True, False, (False, True, True), id="terminating-still-serves"),
        pytest.param(False, True, False, (False, False, True), id="terminating"),
        pytest.param(False, False, True, (True, False, False), id="published-anyway"),
    ],
)
def test_conditions_tell_who_may_get_traffic(
    ready: bool, going: bool, publishes: bool, expected: tuple[bool, bool, bool]
) -> None:
    """Ready is serving and not terminating, unless addresses are published in any case."""
    service = _service(publish_not_ready_addresses=publishes)

    found = endpoint_of(_pod(1, ready=ready, going=going), service, None).conditions

    assert (found.ready, found.serving, found.terminating) == expected


def test_a_service_without_pods_has_one_empty_slice() -> None:
    """Clients see that the service is known and has nobody."""
    create, update, delete = _plan_for([], [])

    assert len(create) == 1
    assert create[0].endpoints == ()
    assert not update
    assert not delete


def test_the_empty_slice_becomes_the_first_full_one() -> None:
    """It is updated rather than replaced."""
    empty = _named(_plan_for([], [])[0][0], "web-a")

    create, update, delete = _plan_for([_pod(1)], [empty])

    assert not create
    assert not delete
    assert [(found.metadata.name, len(found.endpoints)) for found in update] == [("web-a", 1)]


def test_slices_are_split_at_their_capacity() -> None:
    """250 pods need three slices."""
    create, _, _ = _plan_for([_pod(number) for number in range(250)], [])

    assert [len(found.endpoints) for found in create] == [CAPACITY, CAPACITY, 50]


def test_nothing_is_written_when_nothing_changed() -> None:
    """The plan for what is there is empty."""
    pods = [_pod(1), _pod(2)]
    present = _named(_plan_for(pods, [])[0][0], "web-a")

    assert _plan_for(pods, [present]) == ([], [], [])


def test_one_changed_pod_writes_one_slice() -> None:
    """Other slices are left alone."""
    pods = [_pod(number) for number in range(250)]
    present = [_named(made, f"web-{index}") for index, made in enumerate(_plan_for(pods, [])[0])]
    pods[5] = _pod(5, ready=False)

    create, update, delete = _plan_for(pods, present)

    assert (create, delete) == ([], [])
    assert [found.metadata.name for found in update] == ["web-0"]


def test_a_new_pod_goes_into_a_slice_with_room() -> None:
    """No slice is made while one has room."""
    present = _named(_plan_for([_pod(1)], [])[0][0], "web-a")

    create, update, _ = _plan_for([_pod(1), _pod(2)], [present])

    assert not create
    assert len(update[0].endpoints) == 2


def test_pods_whose_named_port_differs_are_in_different_slices() -> None:
    """A named port is looked up in each pod."""
    create, _, _ = _plan_for([_pod(1), _pod(2, port=9090)], [], _service("web"))

    assert sorted(found.ports[0].port or 0 for found in create) == [8080, 9090]


def test_a_pod_without_the_named_port_is_no_endpoint() -> None:
    """Nothing could be sent there."""
    create, _, _ = _plan_for([_pod(1)], [], _service("admin"))

    assert create[0].endpoints == ()


def test_endpoints_leave_terminating_pods_out() -> None:
    """The older form has no word for them; unready ones are listed apart."""
    pods = [_pod(1), _pod(2, ready=False), _pod(3, going=True)]

    (subset,) = subsets_of(_service(), pods)

    assert [address.ip for address in subset.addresses] == ["10.0.0.2"]
    assert [address.ip for address in subset.not_ready_addresses] == ["10.0.0.3"]
    assert subset.ports[0].port == 8080
