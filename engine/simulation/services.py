"""What a service would answer in a cluster whose containers are simulated."""

from collections.abc import Iterable

from engine.api.core import Service
from engine.api.meta import is_true
from engine.api.pod import Pod


def answer_of(address: str, services: Iterable[Service], pods: Iterable[Pod]) -> tuple[int, str]:
    """Status and body of a GET to the service at *address*; status 0 if nobody listens.

    A ready pod of the service answers, the first by name, as the demo's web server does.
    """
    service = next((found for found in services if found.spec.cluster_ip == address), None)
    if service is None:
        return 0, f"no service has the address {address}"
    selector = service.spec.selector
    ready = [
        pod
        for pod in pods
        if pod.metadata.namespace == service.metadata.namespace
        and selector.items() <= pod.metadata.labels.items()
        and is_true(pod.status.conditions, "Ready")
        and pod.metadata.deletion_timestamp is None
    ]
    if not ready or not selector:
        return 0, "connection refused: no endpoint is ready"
    pod = min(ready, key=lambda found: found.metadata.name)
    version = pod.spec.containers[0].image.rpartition(":")[2]
    if version == "v3":
        return 500, "broken on purpose"
    return 200, f"Hello from {pod.metadata.name} ({version}) on {pod.spec.node_name}"
