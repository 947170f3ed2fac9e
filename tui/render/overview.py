"""The Overview's side panels: rollouts, services and the selected object in a few lines."""

from collections.abc import Iterable, Mapping, Sequence

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from tui.language import say
from tui.render import nodes as nodes_
from tui.render import pods as pods_
from tui.render import rollouts
from tui.render.age import age
from tui.render.text import Line, Span, between, fit, plural

SERVICE_NAME = "kubernetes.io/service-name"


def rollout_lines(
    deployments: Iterable[Deployment], sets: Sequence[ReplicaSet], cells: int, count: int
) -> list[Line]:
    """Two lines for each deployment, the active ones first."""
    lines: list[Line] = []
    ordered = sorted(deployments, key=lambda d: (not rollouts.is_active(d), d.key))
    for deployment in ordered:
        own = rollouts.sets_of(deployment, sets)
        state = rollouts.rollout_state(deployment)
        left = [
            Span(f"{state.symbol} ", state.tone, is_bold=True),
            Span(deployment.metadata.name, "", is_bold=True),
            Span(f"  {say(state.word)}", state.tone),
        ]
        ready = f"{deployment.status.ready_replicas}/{rollouts.wanted(deployment)} {say('ready')}"
        lines.append(between(left, [Span(ready, "dim")], cells))
        legend = rollouts.legend(deployment, own)
        length = sum(len(span.text) for span in legend)
        room = max(6, cells - length - 4)
        lines.append(
            between([Span("  "), *rollouts.rollout_bar(deployment, own, room)], legend, cells)
        )
    if not lines:
        lines.append([Span(say("no deployments yet"), "faint")])
    return lines[: max(count, 0)]


def ready_endpoints(slices: Iterable[EndpointSlice], service: Service) -> tuple[int, int]:
    """Ready endpoints of a service, and all that are not on their way out."""
    ready = total = 0
    for item in slices:
        if item.metadata.namespace != service.metadata.namespace:
            continue
        if item.metadata.labels.get(SERVICE_NAME) != service.metadata.name:
            continue
        staying = [e for e in item.endpoints if not e.conditions.terminating]
        total += len(staying)
        ready += sum(1 for endpoint in staying if endpoint.conditions.ready is not False)
    return ready, total


def service_lines(
    services: Iterable[Service], slices: Sequence[EndpointSlice], cells: int
) -> list[Line]:
    """One line for each service."""
    lines = []
    for service in sorted(services, key=lambda item: item.key):
        ready, total = ready_endpoints(slices, service)
        tone = "ok" if ready and ready == total else "wait" if ready else "bad"
        symbol = "●" if ready else "○"
        ports = ",".join(
            f"{port.port}" + (f":{port.node_port}" if port.node_port else "")
            for port in service.spec.ports
        )
        left = [
            Span(f"{symbol} ", tone, is_bold=True),
            Span(service.metadata.name, ""),
            Span(f"  {service.spec.cluster_ip}", "dim"),
            Span(f"  {ports}", "info"),
        ]
        lines.append(between(left, [Span(f"{ready}/{total} {say('endpoints')}", tone)], cells))
    return lines


def summary(obj: ApiObject | None, pods: Mapping[str, Pod], now: float, cells: int) -> Line:
    """The selected node or pod in one line."""
    if isinstance(obj, Pod):
        state = pods_.pod_state(obj)
        ready, total = pods_.ready_counts(obj)
        image = obj.spec.containers[0].image if obj.spec.containers else ""
        words = [
            f"{ready}/{total} {say('ready')}",
            plural(pods_.restarts(obj), "restart"),
            obj.status.pod_ip or say("no address yet"),
            obj.spec.node_name or say("no node yet"),
            image,
        ]
        left = [
            Span(f" {state.symbol} ", state.tone, is_bold=True),
            Span(f"pod/{obj.metadata.name}", "", is_bold=True),
            Span(f"  {say(state.word)}  ", state.tone),
            Span(" · ".join(words), "dim"),
        ]
    elif isinstance(obj, Node):
        state = nodes_.node_state(obj)
        own = [pod for pod in pods.values() if pod.spec.node_name == obj.metadata.name]
        used = nodes_.usage(obj, own)
        info = obj.status.node_info
        words = [
            f"{used.pods}/{used.pods_total} {say('pods')}",
            f"cpu {nodes_.cores(used.cpu)} of {nodes_.cores(used.cpu_total)}",
            f"memory {nodes_.size(used.memory)} of {nodes_.size(used.memory_total)}",
            *([f"kubelet {info.kubelet_version}"] if info else []),
        ]
        left = [
            Span(f" {state.symbol} ", state.tone, is_bold=True),
            Span(f"node/{obj.metadata.name}", "", is_bold=True),
            Span(f"  {say(state.word)}  ", state.tone),
            Span(" · ".join(words), "dim"),
        ]
    else:
        return [Span(fit(" " + say("nothing selected"), cells), "faint")]
    right = [Span(say("{age} old", age=age(obj.metadata.creation_timestamp, now)) + " ", "dim")]
    return between(left, right, cells)
