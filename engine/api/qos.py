"""A pod's quality of service, by what it asks for: pure.

Source: pkg/apis/core/v1/helper/qos, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping

from engine.api.pod import PodSpec
from engine.api.quantity import parse

GUARANTEED, BURSTABLE, BEST_EFFORT = "Guaranteed", "Burstable", "BestEffort"
_COUNTED = ("cpu", "memory")


def qos_class(spec: PodSpec) -> str:
    """Guaranteed, Burstable or BestEffort, by requests and limits of CPU and memory."""
    asked: list[tuple[str, str]] = []
    for requests, limits in _resources(spec):
        for name in _COUNTED:
            limit = limits.get(name, "")
            asked.append((requests.get(name, "") or limit, limit))
    set_ones = [(request, limit) for request, limit in asked if _positive(request, limit)]
    if not set_ones:
        return BEST_EFFORT
    is_guaranteed = len(set_ones) == len(asked) and all(
        request and limit and parse(request) == parse(limit) for request, limit in asked
    )
    return GUARANTEED if is_guaranteed else BURSTABLE


def _resources(spec: PodSpec) -> Iterator[tuple[Mapping[str, str], Mapping[str, str]]]:
    """Requests and limits that make the class: the pod's own, else those of each container."""
    own = spec.extra.get("resources")
    if own:
        yield own.get("requests", {}), own.get("limits", {})
        return
    for container in (*spec.init_containers, *spec.containers):
        yield container.resources.requests, container.resources.limits


def _positive(*texts: str) -> bool:
    return any(text and parse(text) > 0 for text in texts)
