"""Which endpoints clients on a node use: near ones if there are hints, local ones if asked for.

Source: CategorizeEndpoints, pkg/proxy/topology.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping, Sequence

from engine.api.discovery import Endpoint


def usable_endpoints(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Those that are ready; if none is, those that still serve while they terminate."""
    found = list(endpoints)
    ready = [endpoint for endpoint in found if _is_ready(endpoint)]
    if ready:
        return ready
    return [
        endpoint
        for endpoint in found
        if endpoint.conditions.terminating and endpoint.conditions.serving is not False
    ]


def local_endpoints(endpoints: Iterable[Endpoint], node: str) -> list[Endpoint]:
    """The usable endpoints on *node*."""
    return usable_endpoints(endpoint for endpoint in endpoints if endpoint.node_name == node)


def near_endpoints(
    endpoints: Sequence[Endpoint], zones: Mapping[str, str]
) -> dict[str, list[Endpoint]]:
    """What nodes use instead of all ready endpoints, by node; nothing for one that uses them all.

    Hints are followed only if every ready endpoint has them. Those for nodes come first; a node
    that no endpoint is meant for goes by its zone; a zone that none is meant for uses all.

    Args:
        endpoints: all endpoints of a port.
        zones: the zone of every node, "" for none.
    """
    ready = [endpoint for endpoint in endpoints if _is_ready(endpoint)]
    by_node = _hinted(ready, "forNodes")
    by_zone = _hinted(ready, "forZones")
    found: dict[str, list[Endpoint]] = {}
    if not by_node and not by_zone:
        return found
    for node, zone in zones.items():
        near = by_node.get(node) or by_zone.get(zone)
        if near is not None and len(near) < len(ready):
            found[node] = near
    return found


def _hinted(ready: Sequence[Endpoint], name: str) -> dict[str, list[Endpoint]]:
    """The endpoints by whom they are meant for; nothing if one of them does not say."""
    found: dict[str, list[Endpoint]] = {}
    for endpoint in ready:
        hints = (endpoint.extra.get("hints") or {}).get(name) or ()
        if not hints:
            return {}
        for hint in hints:
            found.setdefault(hint.get("name", ""), []).append(endpoint)
    return found


def _is_ready(endpoint: Endpoint) -> bool:
    return endpoint.conditions.ready is not False
