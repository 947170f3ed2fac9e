"""Which pods stand behind which services, by index, and what they are as endpoints. Pure.

Source: endpoint/slice utils of k8s.io/endpointslice, kubernetes v1.34.
"""

from collections.abc import Iterable

import attrs

from engine.api.core import Service, ServicePort
from engine.api.pod import Pod
from engine.client.informer import Informer
from engine.controllers.pod_state import is_ready, is_terminal

LABEL_INDEX = "namespace/label"
"""Pods by each of their labels, as ``namespace/key=value``."""

SELECTOR_INDEX = "namespace/selector"
"""Services by the first label (in order) of their selector, in the same form."""


@attrs.frozen
class ResolvedPort:
    """A service's port as one pod has it."""

    name: str
    protocol: str
    port: int
    app_protocol: str | None


def index_pods_by_label(pods: Informer[Pod]) -> None:
    """Let `selected_pods` be asked of *pods*."""
    pods.add_index(
        LABEL_INDEX,
        lambda pod: tuple(
            f"{pod.metadata.namespace}/{key}={value}" for key, value in pod.metadata.labels.items()
        ),
    )


def index_services_by_selector(services: Informer[Service]) -> None:
    """Let `selecting_services` be asked of *services*."""
    services.add_index(SELECTOR_INDEX, _selector_values)


def selected_pods(pods: Informer[Pod], service: Service) -> tuple[Pod, ...]:
    """The pods that the service's selector selects; none without a selector."""
    selector = service.spec.selector
    if not selector:
        return ()
    namespace = service.metadata.namespace
    by_index = pods.indexer.by_index
    smallest = min(
        (by_index(LABEL_INDEX, f"{namespace}/{key}={value}") for key, value in selector.items()),
        key=len,
    )
    wanted = selector.items()
    return tuple(pod for pod in smallest if wanted <= pod.metadata.labels.items())


def selecting_services(services: Informer[Service], pod: Pod) -> Iterable[Service]:
    """The services whose selector selects *pod*."""
    labels = pod.metadata.labels
    namespace = pod.metadata.namespace
    for key, value in labels.items():
        found = services.indexer.by_index(SELECTOR_INDEX, f"{namespace}/{key}={value}")
        for service in found:
            if service.spec.selector.items() <= labels.items():
                yield service


def has_endpoint_changed(old: Pod, new: Pod) -> bool:
    """Whether anything changed that an endpoint shows."""
    return (
        old.metadata.labels != new.metadata.labels
        or old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        or old.status.pod_ip != new.status.pod_ip
        or old.spec.node_name != new.spec.node_name
        or old.status.phase != new.status.phase
        or is_ready(old) != is_ready(new)
    )


def can_be_endpoint(pod: Pod) -> bool:
    """Whether the pod has an address and may still answer; terminating pods may."""
    return bool(pod.status.pod_ip) and not is_terminal(pod)


def endpoint_hostname(pod: Pod, service: Service) -> str:
    """The name under which the pod can be found below a headless service, or nothing."""
    is_named = pod.spec.hostname and pod.spec.subdomain == service.metadata.name
    return pod.spec.hostname if is_named else ""


def resolve_ports(service: Service, pod: Pod) -> tuple[ResolvedPort, ...]:
    """The service's ports on this pod; a named port that the pod lacks is left out."""
    resolved = []
    for port in service.spec.ports:
        number = find_port(port, pod)
        if number is not None:
            protocol = port.protocol or "TCP"
            resolved.append(ResolvedPort(port.name, protocol, number, port.app_protocol))
    return tuple(resolved)


def find_port(port: ServicePort, pod: Pod) -> int | None:
    """The number of the target port on *pod*, or None if no container has one of that name."""
    target = port.target_port
    if target is None or target == 0:
        return port.port
    if isinstance(target, int):
        return target
    sidecars = [c for c in pod.spec.init_containers if c.restart_policy == "Always"]
    for container in (*pod.spec.containers, *sidecars):
        for candidate in container.ports:
            is_same_protocol = (candidate.protocol or "TCP") == (port.protocol or "TCP")
            if candidate.name == target and is_same_protocol:
                return candidate.container_port
    return None


def _selector_values(service: Service) -> tuple[str, ...]:
    selector = service.spec.selector
    if not selector:
        return ()
    key = min(selector)
    return (f"{service.metadata.namespace}/{key}={selector[key]}",)
