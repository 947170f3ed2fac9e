"""Each cluster address that a service holds is an IPAddress too."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode, encode
from engine.api.core import Service, ServicePort, ServiceSpec
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.scheme import make_kind
from engine.apiserver.errors import InvalidError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.rng import RandomStreams

ADDRESS = make_kind("networking.k8s.io/v1", "IPAddress")


def holders(server: ApiServer, request: RequestInfo) -> dict[str, str]:
    """Who holds which address, by the objects."""
    server.loop.run_for(5.0)
    found = server.list(ADDRESS, request=request).items
    return {one.metadata.name: encode(one)["spec"]["parentRef"]["name"] for one in found}


def service(name: str, *, address: str = "") -> Service:
    """A service that wants *address*, or any."""
    return Service(
        metadata=ObjectMeta(name=name, namespace="default"),
        spec=ServiceSpec(cluster_ip=address, ports=(ServicePort(port=80),)),
    )


def test_an_address_comes_and_goes_with_its_service(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Headless services hold none."""
    server.create(service("a", address="10.96.0.5"), request=request_info)
    server.create(service("b", address="None"), request=request_info)
    assert holders(server, request_info) == {"10.96.0.5": "a"}

    server.delete(Service, "a", namespace="default", request=request_info)
    assert holders(server, request_info) == {}


def test_an_address_that_changes_hands_says_who_has_it(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Given up and taken in one breath, it names the new holder."""
    server.create(service("a", address="10.96.0.5"), request=request_info)
    assert holders(server, request_info) == {"10.96.0.5": "a"}

    server.delete(Service, "a", namespace="default", request=request_info)
    server.create(service("b", address="10.96.0.5"), request=request_info)

    assert holders(server, request_info) == {"10.96.0.5": "b"}


def test_a_deleted_address_comes_back_while_it_is_held(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """The service has it all the same."""
    server.create(service("a", address="10.96.0.5"), request=request_info)
    assert holders(server, request_info)

    server.delete(ADDRESS, "10.96.0.5", request=request_info)

    assert holders(server, request_info) == {"10.96.0.5": "a"}


def test_what_is_wrong_is_mended_at_the_next_start(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """A store that was left in between is made whole, and nobody else's object is touched."""
    server.create(service("a", address="10.96.0.5"), request=request_info)
    own = {"metadata": {"name": "10.1.2.3"}, "spec": {"parentRef": {"resource": "x", "name": "me"}}}
    wire = {"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress", **own}
    server.create(decode(wire), request=request_info)

    again = ApiServer(server.loop, server.store, RandomStreams(7))

    assert holders(again, request_info) == {"10.96.0.5": "a", "10.1.2.3": "me"}


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    [
        pytest.param("x", {"parentRef": {"resource": "r", "name": "n"}}, "valid IP", id="name"),
        pytest.param(
            "::0:1", {"parentRef": {"resource": "r", "name": "n"}}, "canonical form", id="form"
        ),
        pytest.param("10.0.0.1", {}, "spec.parentRef: Required value", id="nobody"),
    ],
)
def test_an_address_that_is_none_is_refused(
    server: ApiServer, request_info: RequestInfo, name: str, spec: dict[str, Any], said: str
) -> None:
    """By its name, and by who holds it."""
    obj = decode({"apiVersion": "networking.k8s.io/v1", "kind": "IPAddress", "spec": spec})
    made = attrs.evolve(obj, metadata=ObjectMeta(name=name, labels=FrozenDict()))

    with pytest.raises(InvalidError, match=said):
        server.create(made, request=request_info)


def balancer(name: str, **extra: object) -> Service:
    """A load balancer that leads to local endpoints only."""
    spec = ServiceSpec(
        type="LoadBalancer",
        external_traffic_policy="Local",
        ports=(ServicePort(port=80),),
        extra=FrozenDict(extra),
    )
    return Service(metadata=ObjectMeta(name=name, namespace="default"), spec=spec)


def test_a_balancer_to_local_endpoints_has_a_health_check_port(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """It stays with the policy, is nobody else's meanwhile, and goes with it."""
    made = server.create(balancer("a"), request=request_info)
    port = made.spec.extra["healthCheckNodePort"]
    again = server.update(
        attrs.evolve(made, spec=attrs.evolve(made.spec, extra=FrozenDict())), request=request_info
    )
    with pytest.raises(InvalidError, match="provided port is already allocated"):
        server.create(balancer("b", healthCheckNodePort=port), request=request_info)
    everywhere = attrs.evolve(again.spec, external_traffic_policy="Cluster")
    changed = server.update(attrs.evolve(again, spec=everywhere), request=request_info)

    assert 30_000 <= port <= 32_767
    assert port != made.spec.ports[0].node_port
    assert again.spec.extra["healthCheckNodePort"] == port
    assert "healthCheckNodePort" not in changed.spec.extra
