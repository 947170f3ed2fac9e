"""Load generators made of a shell and wget, as Kubernetes' walkthrough of autoscaling has one."""

from typing import Any

import attrs
import pytest

from engine.api.apps import Deployment
from engine.api.codec import decode
from engine.api.pod import Pod
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.simulation.requests import Requests, requests_of
from tests.builders import make_deployment, make_service

WALKTHROUGH = ("/bin/sh", "-c", "while sleep 0.01; do wget -q -O- http://php-apache; done")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(WALKTHROUGH, Requests("php-apache", 80, "/", 50.0), id="the walkthrough's"),
        pytest.param(
            ("sh", "-c", "while true; do curl -s http://web.shop:8080/x?y=1 ; sleep 0.99; done"),
            Requests("web.shop", 8080, "/x?y=1", 1.0),
            id="another namespace, port and path",
        ),
        pytest.param(
            ("sh", "-c", "while true; do wget -q -O /dev/null http://web; sleep 0.09; done"),
            Requests("web", 80, "/", 10.0),
            id="a file for the answer",
        ),
        pytest.param(("sh", "-c", "wget http://web"), None, id="once"),
        pytest.param(("sh", "-c", "while true; do sleep 1; done"), None, id="nobody is asked"),
        pytest.param(("sleep", "infinity"), None, id="no shell"),
    ],
)
def test_what_a_command_asks_for(command: tuple[str, ...], expected: Requests | None) -> None:
    """Host, port, path and how often; nothing for commands that do not loop."""
    found = requests_of(command)

    if found is None or expected is None:
        assert found is expected
    else:
        assert attrs.evolve(found, rate=round(found.rate, 6)) == expected


def test_the_service_of_a_host() -> None:
    """In the pod's own namespace unless the name says otherwise."""
    assert Requests("web", 80, "/", 1.0).service("here") == ("here", "web")
    assert Requests("web.there.svc", 80, "/", 1.0).service("here") == ("there", "web")


def test_the_walkthrough_scales_up_and_down() -> None:
    """Fifty requests a second make more of one replica; without them, one is left."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(3)))
    cluster.start()
    cluster.run_for(5.0)
    autoscaler: dict[str, Any] = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "php-apache", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "php-apache"},
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
        },
    }
    generator: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load-generator", "namespace": "default"},
        "spec": {
            "containers": [{"name": "c", "image": "busybox:1.28", "command": list(WALKTHROUGH)}]
        },
    }
    cluster.apply(make_deployment("php-apache", replicas=1, cpu=200), make_service("php-apache"))
    cluster.apply(decode(autoscaler))
    cluster.run_for(40.0)
    cluster.apply(decode(generator))
    cluster.run_for(120.0)
    busy = cluster.get(Deployment, "php-apache", namespace="default").spec.replicas
    cluster.admin.delete(Pod, "load-generator", namespace="default", grace_period_seconds=0)
    cluster.run_for(420.0)

    assert busy in {5, 6}
    assert cluster.get(Deployment, "php-apache", namespace="default").spec.replicas == 1
