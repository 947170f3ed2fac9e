"""Tests of the records a service gives rise to."""

from engine.proxy.dns_records import Srv, build_records, pod_address
from tests.engine.proxy.objects import IP, make_endpoint, make_service, make_slice

DOMAIN = "cluster.local"
NAME = "web.default.svc.cluster.local"


def test_service_has_address_port_and_reverse() -> None:
    """A service with an address has A, SRV for named ports, and PTR."""
    records = build_records(make_service(), [], DOMAIN)

    assert records.a == {NAME: (IP,)}
    assert records.srv == {f"_http._tcp.{NAME}": (Srv(80, NAME),)}
    assert records.ptr == {"80.0.96.10.in-addr.arpa": NAME}


def test_headless_service_has_its_pods() -> None:
    """A headless service has the addresses of ready pods, and each pod a name of its own."""
    slice_ = make_slice(
        make_endpoint("10.244.1.2", hostname="web-0"),
        make_endpoint("10.244.1.3"),
        make_endpoint("10.244.1.4", ready=False),
    )

    records = build_records(make_service(cluster_ip="None"), [slice_], DOMAIN)

    assert records.a == {
        NAME: ("10.244.1.2", "10.244.1.3"),
        f"web-0.{NAME}": ("10.244.1.2",),
        f"10-244-1-3.{NAME}": ("10.244.1.3",),
    }
    assert records.srv[f"_http._tcp.{NAME}"] == (
        Srv(8080, f"10-244-1-3.{NAME}"),
        Srv(8080, f"web-0.{NAME}"),
    )
    assert records.ptr["2.1.244.10.in-addr.arpa"] == f"web-0.{NAME}"


def test_external_name_is_an_alias() -> None:
    """An ExternalName service is a CNAME and nothing else."""
    service = make_service(type="ExternalName", cluster_ip="", external_name="Example.org.")

    assert build_records(service, [], DOMAIN).cname == {NAME: "example.org"}


def test_pod_names_carry_their_address() -> None:
    """The dashed address under pod.cluster.local is the address; anything else is none."""
    assert pod_address("10-244-1-2.default.pod.cluster.local", DOMAIN) == "10.244.1.2"
    assert pod_address("web.default.pod.cluster.local", DOMAIN) == ""
    assert pod_address("10-244-1-2.default.svc.cluster.local", DOMAIN) == ""
