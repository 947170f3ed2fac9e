"""Fields of a pod as text: the downward API. Pure.

Source: pkg/fieldpath and pkg/api/v1/resource, kubernetes v1.34.
"""

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal

import attrs

from engine.api.container import Container, ResourceFieldSelector
from engine.api.frozen import EMPTY
from engine.api.pod import Pod
from engine.api.quantity import parse
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.pod_state import find_container

_NODE_LIMITED = frozenset(("cpu", "memory", "ephemeral-storage"))
"""Of these a container without a limit may use what the node can give."""

_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.+)'\]$")


@attrs.frozen(kw_only=True)
class PodFacts:
    """What the kubelet knows of a pod before its status says it, and of its own node."""

    pod_ip: str = ""
    host_ip: str = ""
    allocatable: Mapping[str, str] = EMPTY


def field_value(pod: Pod, path: str, facts: PodFacts) -> str:
    """The pod's field under *path*.

    Raises:
        MissingConfigError: there is no such field.
    """
    meta = pod.metadata
    simple = {
        "metadata.name": meta.name,
        "metadata.namespace": meta.namespace,
        "metadata.uid": meta.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": facts.host_ip,
        "status.hostIPs": facts.host_ip,
        "status.podIP": facts.pod_ip,
        "status.podIPs": facts.pod_ip,
    }
    if path in simple:
        return simple[path]
    if path == "metadata.labels":
        return _lines(meta.labels)
    if path == "metadata.annotations":
        return _lines(meta.annotations)
    match = _SUBSCRIPT.match(path)
    if match is not None:
        values = meta.labels if match[1] == "labels" else meta.annotations
        return values.get(match[2], "")
    raise MissingConfigError(f"unsupported fieldPath: {path}")


def resource_value(
    pod: Pod, container: Container | None, selector: ResourceFieldSelector, facts: PodFacts
) -> str:
    """A request or limit of a container, in units of the selector's divisor, rounded up.

    Raises:
        MissingConfigError: there is no such container or resource.
    """
    if selector.container_name:
        container = find_container(pod, selector.container_name)
    if container is None:
        raise MissingConfigError(f"container {selector.container_name} not found")
    which, _, resource = selector.resource.partition(".")
    resources = container.resources
    found = resources.limits if which == "limits" else resources.requests
    if which not in {"limits", "requests"}:
        raise MissingConfigError(f"unsupported container resource: {selector.resource}")
    value = parse(found.get(resource) or "0")
    if not value and which == "limits" and resource in _NODE_LIMITED:
        value = parse(facts.allocatable.get(resource, "0"))
    divisor = parse(selector.divisor) if selector.divisor else Decimal(1)
    return str(int((value / (divisor or Decimal(1))).to_integral_value(ROUND_CEILING)))


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{key}={_quoted(value)}\n" for key, value in sorted(values.items()))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
