"""Faults of the pods' network."""

import ipaddress

import attrs

from engine.api.kubarium import Fault
from engine.api.pod import Pod, has_address
from engine.api.selectors import parse_selector
from engine.cri.disturbance import Disturbance, DisturbTraffic
from engine.faults.fault import FaultError, Levers, NodeLevers, Recovery, Target, settings
from engine.faults.pod import disturb_all, identity_of

DNS_PORT = 53


def partition(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Drop everything between the pods and the others."""
    return _disturb(fault, target, levers, action="drop")


def lose(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Drop `params.percent` of the packets."""
    percent = float(settings(fault)["percent"])
    return _disturb(fault, target, levers, action="drop", percent=percent)


def delay(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Let packets wait."""
    given = settings(fault)
    return _disturb(
        fault,
        target,
        levers,
        action="delay",
        latency=float(given["latency"]),
        jitter=float(given["jitter"]),
    )


def limit(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Let so many bytes a second through."""
    return _disturb(fault, target, levers, action="limit", rate=int(settings(fault)["rate"]))


def reset(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Answer TCP packets with a reset."""
    percent = float(settings(fault)["percent"])
    return _disturb(fault, target, levers, action="reset", percent=percent)


def fail_dns(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Drop what the pods ask any DNS server."""
    percent = float(settings(fault)["percent"])
    return _disturb(fault, target, levers, action="drop", percent=percent, port=DNS_PORT)


def delay_dns(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Let what the pods ask any DNS server wait."""
    latency = float(settings(fault)["latency"])
    return _disturb(fault, target, levers, action="delay", latency=latency, port=DNS_PORT)


def _disturb(
    fault: Fault,
    target: Target,
    levers: Levers,
    *,
    action: str,
    port: int = 0,
    percent: float = 100.0,
    latency: float = 0.0,
    jitter: float = 0.0,
    rate: int = 0,
) -> Recovery:
    given = settings(fault)
    sources = _peers(str(given.get("from", "")), fault, levers)
    destinations = _peers(str(given.get("to", "")), fault, levers)
    direction = "out" if port else str(given.get("direction", "both"))
    found: list[tuple[NodeLevers, Disturbance]] = []
    for pod in target.pods:
        node = levers.nodes.get(pod.spec.node_name)
        if node is None or not has_address(pod) or pod.spec.host_network:
            continue
        base = DisturbTraffic(
            id="",
            pod=identity_of(pod),
            action=action,
            addresses=(f"{pod.status.pod_ip}/32",),
            direction=direction,
            port=port,
            percent=percent,
            latency=latency,
            jitter=jitter,
            rate=rate,
        )
        if not sources and not destinations:
            found.append((node, base))
        if sources and direction in ("in", "both"):
            found.append((node, attrs.evolve(base, peers=sources, direction="in")))
        if destinations and direction in ("out", "both"):
            found.append((node, attrs.evolve(base, peers=destinations, direction="out")))
    if not found:
        raise FaultError("none of the target's pods has an address of its own")
    return disturb_all(found, fault)


def _peers(text: str, fault: Fault, levers: Levers) -> tuple[str, ...]:
    """The networks that a parameter names; none for everything."""
    if not text:
        return ()
    if text == "node":
        return tuple(f"{node.address}/32" for node in levers.nodes.values() if node.address)
    try:
        return (str(ipaddress.ip_network(text, strict=False)),)
    except ValueError:
        pass
    namespace = fault.spec.target.namespace or "default"
    try:
        selector = parse_selector(text)
    except ValueError as error:
        raise FaultError(f"params: {error}; pods (label=value), a CIDR or 'node'") from error
    pods = levers.client.list(Pod, namespace=None if namespace == "*" else namespace).items
    found = tuple(
        f"{pod.status.pod_ip}/32"
        for pod in pods
        if has_address(pod) and selector.matches(pod.metadata.labels)
    )
    if not found:
        raise FaultError(f'no pod with an address in namespace {namespace} matches "{text}"')
    return found
