"""One service as the path of a request: name, address, ports, and the endpoints behind them."""

from collections.abc import Iterable, Mapping

from engine.api.core import Service
from engine.api.discovery import Endpoint, EndpointSlice
from engine.api.pod import Pod
from tui.language import say
from tui.render import pods as pods_
from tui.render.overview import SERVICE_NAME
from tui.render.text import Line, Span, fit


def slices_of(service: Service, slices: Iterable[EndpointSlice]) -> list[EndpointSlice]:
    """The endpoint slices of a service."""
    meta = service.metadata
    found = [
        item
        for item in slices
        if item.metadata.namespace == meta.namespace
        and item.metadata.labels.get(SERVICE_NAME) == meta.name
    ]
    return sorted(found, key=lambda item: item.metadata.name)


def service_detail(
    service: Service, slices: Iterable[EndpointSlice], pods: Mapping[str, Pod], domain: str
) -> list[Line]:
    """The service, its names and addresses, and each endpoint with its pod."""
    meta, spec = service.metadata, service.spec
    lines: list[Line] = [
        [
            Span(f"{meta.name}.{meta.namespace}.svc.{domain}", "info", is_bold=True),
            Span(f"  {say('resolves to')}  ", "dim"),
            Span(spec.cluster_ip or "<none>", "", is_bold=True),
        ],
        [],
    ]
    for port in spec.ports:
        target = port.target_port if port.target_port is not None else port.port
        lines.append(
            [
                Span(f"  {port.name or port.protocol or 'TCP'} ", "dim"),
                Span(f"{spec.cluster_ip}:{port.port}", ""),
                Span("  →  ", "accent", is_bold=True),
                Span(say("pod port {port}", port=target), ""),
                *(
                    [Span("   " + say("every node :{port}", port=port.node_port), "info")]
                    if port.node_port
                    else []
                ),
            ]
        )
    own = slices_of(service, slices)
    endpoints = [endpoint for item in own for endpoint in item.endpoints]
    ready = sum(1 for endpoint in endpoints if endpoint.conditions.ready is not False)
    lines += [
        [],
        [
            Span(say("Endpoints"), "accent", is_bold=True),
            Span(
                "  " + say("{ready} of {count} get traffic", ready=ready, count=len(endpoints)),
                "ok" if ready else "bad",
            ),
        ],
    ]
    ordered = sorted(endpoints, key=lambda e: (e.node_name or "", e.addresses))
    lines += [_endpoint(endpoint, pods, meta.namespace) for endpoint in ordered]
    if not endpoints:
        lines.append([Span("  " + say("none: no ready pod matches the selector"), "wait")])
    return lines


def _endpoint(endpoint: Endpoint, pods: Mapping[str, Pod], namespace: str) -> Line:
    if endpoint.conditions.terminating:
        symbol, word, tone = "◌", "terminating", "gone"
    elif endpoint.conditions.ready is not False:
        symbol, word, tone = "●", "ready", "ok"
    else:
        symbol, word, tone = "◐", "not ready", "wait"
    name = endpoint.target_ref.name if endpoint.target_ref else ""
    pod = pods.get(f"{namespace}/{name}")
    return [
        Span(f"  {symbol} ", tone, is_bold=True),
        Span(fit(",".join(endpoint.addresses), 16)),
        Span(fit(word, 13), tone),
        Span(fit(endpoint.node_name or "", 16), "dim"),
        Span(fit(name, 34)),
        Span(pods_.tag(pod) if pod else "", "info"),
    ]
