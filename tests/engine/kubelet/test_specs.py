"""A pod's specification as commands."""

from typing import Any

import pytest

from engine.api.codec import decode
from engine.api.pod import Pod
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.pod_state import identity_of
from engine.kubelet.security import security_of
from engine.kubelet.specs import DnsSettings, dns_of, resources_of, sandbox_command

DNS = DnsSettings(server="10.96.0.10")


def make_pod(container: dict[str, Any] | None = None, **spec: Any) -> Pod:
    """A pod of one container in the namespace shop."""
    main = {"name": "main", "image": "x", **(container or {})}
    pod = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u"},
            "spec": {"containers": [main], **spec},
        }
    )
    assert isinstance(pod, Pod)
    return pod


def test_pods_ask_the_cluster_dns_first() -> None:
    """The usual policy: the cluster's server and the search path of the namespace."""
    servers, searches, options = dns_of(make_pod(), DNS)

    assert servers == ("10.96.0.10",)
    assert searches == ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
    assert options == ("ndots:5",)


@pytest.mark.parametrize("spec", [{"dnsPolicy": "Default"}, {"hostNetwork": True}])
def test_node_dns_for_default_policy_and_host_network(spec: dict[str, Any]) -> None:
    """These pods resolve as their node does."""
    assert dns_of(make_pod(**spec), DNS) == ((), (), ())


def test_own_dns_settings_are_added() -> None:
    """The dnsConfig comes on top, and its options replace those of the same name."""
    own = {"nameservers": ["1.2.3.4"], "options": [{"name": "ndots", "value": "2"}]}

    servers, _, options = dns_of(make_pod(dnsConfig=own), DNS)

    assert servers == ("10.96.0.10", "1.2.3.4")
    assert options == ("ndots:2",)


def test_host_ports_are_published() -> None:
    """Only ports with a hostPort are the sandbox's business."""
    ports = [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]
    pod = make_pod({"ports": ports})

    command = sandbox_command(pod, identity_of(pod), attempt=0, dns=DNS)

    assert [(item.container_port, item.host_port) for item in command.ports] == [(80, 8080)]


def test_limits_stand_in_for_requests() -> None:
    """A container with only limits asks for as much."""
    pod = make_pod({"resources": {"limits": {"cpu": "500m", "memory": "64Mi"}}})

    found = resources_of(pod.spec.containers[0])

    assert (found.cpu_request, found.cpu_limit) == (500, 500)
    assert found.memory_request == found.memory_limit == 64 * 2**20


def test_root_is_refused_where_it_is_forbidden() -> None:
    """With runAsNonRoot, user 0 cannot start."""
    pod = make_pod({"securityContext": {"runAsUser": 0}}, securityContext={"runAsNonRoot": True})

    with pytest.raises(MissingConfigError, match="non-root"):
        security_of(pod, pod.spec.containers[0])
