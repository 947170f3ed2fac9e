"""The parts of a pod's spec that have a way of their own: ephemeral containers, and resources.

Source: pkg/registry/core/pod/strategy.go (podEphemeralContainersStrategy, podResizeStrategy),
kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.container import Container
from engine.api.qos import qos_class
from engine.apiserver.errors import Cause
from engine.apiserver.pod_part_validation import (
    validate_ephemeral_create,
    validate_ephemeral_update,
    validate_resize,
)
from engine.apiserver.strategies.pod import PodStrategy
from engine.apiserver.strategy import Strategy, Surroundings


class EphemeralContainersStrategy(PodStrategy):
    """pods/ephemeralcontainers: only those may come, and none may go."""

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """*old* with the ephemeral containers of *new*."""
        del around
        spec = attrs.evolve(old.spec, ephemeral_containers=new.spec.ephemeral_containers)
        return attrs.evolve(old, spec=spec, metadata=_metadata(new, old))

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """None may be changed or removed."""
        return validate_ephemeral_update(new, old)


class ResizeStrategy(PodStrategy):
    """pods/resize: only the CPU and memory of containers that are there."""

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """*old* with the resources and resize policies of *new*."""
        del around
        spec = attrs.evolve(
            old.spec,
            containers=_resized(old.spec.containers, new.spec.containers),
            init_containers=_resized(old.spec.init_containers, new.spec.init_containers),
        )
        return attrs.evolve(old, spec=spec, metadata=_metadata(new, old))

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The class of service stays; nothing is removed."""
        return validate_resize(new, old, was=old.status.qos_class, now=qos_class(new.spec))


_PARTS: Mapping[str, Strategy] = {
    "ephemeralcontainers": EphemeralContainersStrategy(),
    "resize": ResizeStrategy(),
}


class ServedPodStrategy(PodStrategy):
    """Pods, with those of their subresources that write a part of the spec."""

    def for_subresource(self, subresource: str) -> Strategy | None:
        """Ephemeral containers and resources."""
        return _PARTS.get(subresource)

    def validate(self, obj: Any) -> list[Cause]:
        """The pod spec; a pod that has never been stored has no ephemeral containers."""
        return [*super().validate(obj), *validate_ephemeral_create(obj)]


def _metadata(new: Any, old: Any) -> Any:
    """What an update of a part keeps of the metadata: who owns which field."""
    return attrs.evolve(old.metadata, managed_fields=new.metadata.managed_fields)


def _resized(old: tuple[Container, ...], new: tuple[Container, ...]) -> tuple[Container, ...]:
    wanted = {container.name: container for container in new}
    found = []
    for container in old:
        other = wanted.get(container.name, container)
        extra = container.extra.without("resizePolicy")
        if "resizePolicy" in other.extra:
            extra = extra.with_items({"resizePolicy": other.extra["resizePolicy"]})
        found.append(attrs.evolve(container, resources=other.resources, extra=extra))
    return tuple(found)
