"""Whom a proxy request is for: a pod, a pod behind a service, an address. Pure.

Source: pkg/registry/core/pod/strategy.go and service/storage (ResourceLocation), kubernetes v1.34.
"""

from collections.abc import Iterable, Sequence

import attrs

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.pod import Pod
from engine.apiserver.errors import BadRequestError, UnavailableError

_SCHEMES = ("", "http", "https")


@attrs.frozen(kw_only=True)
class ProxyName:
    """``[SCHEME:]NAME[:PORT]`` in its parts."""

    name: str
    scheme: str = "http"
    port: str = ""


@attrs.frozen(kw_only=True)
class Backend:
    """Who is to answer: *pod* by name in the same namespace, or else whoever is at *host*."""

    host: str
    port: int
    pod: str = ""


def parse_name(kind: str, text: str) -> ProxyName:
    """What the name in the path means.

    Raises:
        BadRequestError: it means nothing.
    """
    parts = text.split(":")
    if len(parts) == 1:
        parts = ["", *parts, ""]
    elif len(parts) == 2:
        parts = ["", *parts]
    if len(parts) != 3 or parts[0] not in _SCHEMES or not parts[1]:
        raise BadRequestError(f'invalid {kind} request "{text}"')
    return ProxyName(scheme=parts[0] or "http", name=parts[1], port=parts[2])


def pod_backend(pod: Pod, wanted: ProxyName) -> Backend:
    """The pod at the port asked for; else at the first port that it declares.

    Raises:
        BadRequestError: the pod has no address, or no such port.
    """
    if not pod.status.pod_ip:
        raise BadRequestError("address not allowed")
    ports = [port for container in pod.spec.containers for port in container.ports]
    if not wanted.port:
        number = ports[0].container_port if ports else 443 if wanted.scheme == "https" else 80
    else:
        named = [port.container_port for port in ports if port.name == wanted.port]
        number = named[0] if named else _number(wanted.port, f"pod {pod.metadata.name}")
    return Backend(host=pod.status.pod_ip, port=number, pod=pod.metadata.name)


def service_backend(
    service: Service, slices: Iterable[EndpointSlice], wanted: ProxyName, choose: int
) -> Backend:
    """One of the service's ready endpoints, number *choose* modulo how many there are.

    Raises:
        UnavailableError: the service has no such port, or no endpoint is ready.
    """
    name = service.metadata.name
    ports = service.spec.ports
    if wanted.port:
        found = [
            port for port in ports if port.name == wanted.port or str(port.port) == wanted.port
        ]
    else:
        found = list(ports[:1]) if len(ports) == 1 else [port for port in ports if not port.name]
    if not found:
        raise UnavailableError(f'no service port "{wanted.port}" found for service "{name}"')
    backends = list(_ready(slices, found[0].name))
    if not backends:
        raise UnavailableError(f'no endpoints available for service "{name}"')
    return backends[choose % len(backends)]


def _ready(slices: Iterable[EndpointSlice], port_name: str) -> Iterable[Backend]:
    for slice_ in slices:
        numbers: Sequence[int] = [
            port.port for port in slice_.ports if (port.name or "") == port_name and port.port
        ]
        for endpoint in slice_.endpoints:
            if endpoint.conditions.ready is False:
                continue
            target = endpoint.target_ref
            pod = target.name if target is not None and target.kind == "Pod" else ""
            for number in numbers:
                for address in endpoint.addresses[:1]:
                    yield Backend(host=address, port=number, pod=pod)


def _number(text: str, whose: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 16):
        raise BadRequestError(f'{whose} has no port "{text}"')
    return int(text)
