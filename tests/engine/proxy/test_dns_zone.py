"""Tests of what the zone answers as services come and go."""

import pytest

from engine.api.core import Service
from engine.proxy.dns_zone import DnsZone
from tests.engine.proxy.objects import IP, make_endpoint, make_service, make_slice
from tests.engine.proxy.served import Served

NAME = "web.default.svc.cluster.local"


@pytest.fixture
def served() -> Served:
    """A server with the service web."""
    served = Served()
    served.admin.create(make_service())
    return served


@pytest.fixture
def zone(served: Served) -> DnsZone:
    """The zone, caught up."""
    zone = DnsZone(informers=served.informers)
    served.informers.start()
    served.loop.run_for(1.0)
    return zone


def test_service_is_found_until_it_is_deleted(served: Served, zone: DnsZone) -> None:
    """A service has its address; afterwards its name does not exist."""
    found = zone.lookup(NAME)
    assert found
    assert found.a == (IP,)

    served.admin.delete(Service, "web", namespace="default")
    served.loop.run_for(1.0)

    found = zone.lookup(NAME)
    assert found
    assert not found.exists


@pytest.mark.parametrize("name", ["default.svc.cluster.local", "svc.cluster.local"])
def test_names_above_a_service_exist_without_records(zone: DnsZone, name: str) -> None:
    """A name with names below it is not NXDOMAIN, which resolvers would apply to those below."""
    found = zone.lookup(name)
    assert found
    assert found.exists
    assert found.a == ()


def test_names_of_the_outside_world_are_not_ours(zone: DnsZone) -> None:
    """Only names in the domain are decided here; the search path makes some of outside ones."""
    assert zone.lookup("example.org") is None
    assert zone.lookup("evilcluster.local") is None
    below = zone.lookup("example.org.default.svc.cluster.local")
    assert below
    assert not below.exists


def test_headless_service_follows_its_endpoints(served: Served, zone: DnsZone) -> None:
    """Pods of a headless service are found by name as soon as their slice says so."""
    served.admin.create(make_service("db", cluster_ip="None", cluster_ips=("None",)))
    slice_ = make_slice(make_endpoint("10.244.1.9", hostname="db-0"), service="db", name="db-1")
    served.admin.create(slice_)
    served.loop.run_for(1.0)

    found = zone.lookup("db-0.db.default.svc.cluster.local")
    assert found
    assert found.a == ("10.244.1.9",)
    reverse = zone.lookup("9.1.244.10.in-addr.arpa")
    assert reverse
    assert reverse.ptr == "db-0.db.default.svc.cluster.local"
