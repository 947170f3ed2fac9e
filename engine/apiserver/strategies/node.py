"""Node: kubelets register it with a status and keep its labels up to date with it."""

from typing import Any

import attrs

from engine.apiserver.errors import Cause
from engine.apiserver.object_warnings import node_warnings
from engine.apiserver.strategy import Surroundings, WithoutGeneration
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    qualified_name_faults,
    unsupported,
)

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


class NodeStrategy(WithoutGeneration):
    """Nodes."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """The status is the kubelet's to give from the start."""
        del around
        return obj

    def default(self, obj: Any) -> Any:
        """Room that is not said to be kept back can be used."""
        status = obj.status
        if status.allocatable or not status.capacity:
            return obj
        return attrs.evolve(obj, status=attrs.evolve(status, allocatable=status.capacity))

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of fields that nobody reads."""
        del old
        return node_warnings(new)

    def validate(self, obj: Any) -> list[Cause]:
        """Taints have proper keys and effects, and occur once."""
        causes: list[Cause] = []
        seen: dict[tuple[str, str], None] = {}
        for index, taint in enumerate(obj.spec.taints):
            path = f"spec.taints[{index}]"
            causes += [
                invalid(f"{path}.key", taint.key, fault)
                for fault in qualified_name_faults(taint.key)
            ]
            if taint.effect not in _EFFECTS:
                causes.append(unsupported(f"{path}.effect", taint.effect, _EFFECTS))
            if (taint.key, taint.effect) in seen:
                causes.append(duplicate(path, f"{taint.key}:{taint.effect}"))
            seen[taint.key, taint.effect] = None
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """A node keeps the pod network it was given."""
        if old.spec.pod_cidr and new.spec.pod_cidr != old.spec.pod_cidr:
            return [forbidden("spec.podCIDR", "node updates may not change podCIDR")]
        return []
