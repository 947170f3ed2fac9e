"""Priority: the class's number, and the policy that goes with it, on every new pod.

Source: plugin/pkg/admission/priority, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.pod import Pod
from engine.api.scheduling import PriorityClass
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.errors import ForbiddenError
from engine.apiserver.keys import prefix_of
from engine.apiserver.storage import ObjectStorage
from engine.store.kv import prefix_end

_SYSTEM = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}

_CLASSES = SCHEME.resource_of(PriorityClass)


class Priority:
    """Resolves ``priorityClassName``; without one the global default class applies."""

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod with its priority."""
        pod = attributes.obj
        if not isinstance(pod, Pod) or attributes.operation != "CREATE" or attributes.subresource:
            return pod
        name, value, policy = self._resolve(pod, storage)
        if pod.spec.priority is not None and pod.spec.priority != value:
            raise ForbiddenError(
                f'pods "{pod.metadata.name}" is forbidden: the integer value of priority '
                f"({pod.spec.priority}) must not be provided in pod spec; priority admission "
                f"controller computed {value} from the given PriorityClass name",
                name=pod.metadata.name,
                kind="pods",
            )
        extra = pod.spec.extra
        if "preemptionPolicy" not in extra:
            extra = extra.with_items({"preemptionPolicy": policy})
        spec = attrs.evolve(pod.spec, priority_class_name=name, priority=value, extra=extra)
        return attrs.evolve(pod, spec=spec)

    def _resolve(self, pod: Pod, storage: ObjectStorage) -> tuple[str, int, str]:
        name = pod.spec.priority_class_name
        if name in _SYSTEM:
            return name, _SYSTEM[name], "PreemptLowerPriority"
        if name:
            found = storage.find(_CLASSES, "", name)
            if found is None:
                raise ForbiddenError(
                    f'pods "{pod.metadata.name}" is forbidden: no PriorityClass with name {name} '
                    "was found",
                    name=pod.metadata.name,
                    kind="pods",
                )
            return _read(name, found)
        prefix = prefix_of(_CLASSES)
        for kv in storage.range(prefix, prefix_end(prefix)).kvs:
            if kv.value.global_default:
                return _read(kv.value.metadata.name, kv.value)
        return "", 0, "PreemptLowerPriority"


def _read(name: str, found: PriorityClass) -> tuple[str, int, str]:
    return name, found.value, found.preemption_policy or "PreemptLowerPriority"
