"""RuntimeClass: what a runtime takes for itself, and where it is to be had.

Source: plugin/pkg/admission/runtimeclass, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.pod import Pod, PodSpec
from engine.api.scheduling import RuntimeClass, RuntimeScheduling
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.storage import ObjectStorage

_CLASSES = SCHEME.resource_of(RuntimeClass)


class RuntimeClassAdmission:
    """Adds the overhead, the node selector and the tolerations of a pod's runtime class."""

    kinds = (Pod,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod as its runtime class has it."""
        pod = attributes.obj
        if not attributes.is_creation_of(Pod):
            return pod
        spec = pod.spec
        name = getattr(spec, "runtime_class_name", None) or spec.extra.get("runtimeClassName")
        found = storage.find(_CLASSES, "", name) if name else None
        if name and found is None:
            raise attributes.forbidden(f'pod rejected: RuntimeClass "{name}" not found')
        overhead = found.overhead.pod_fixed if found and found.overhead else None
        if spec.overhead and spec.overhead != overhead:
            if found is None:
                why = (
                    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
                    "Overhead"
                )
            else:
                why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
            raise attributes.forbidden(why)
        if found is None:
            return pod
        spec = attrs.evolve(spec, overhead=overhead or spec.overhead)
        if found.scheduling is not None:
            spec = _scheduled(attributes, spec, found.scheduling)
        return attrs.evolve(pod, spec=spec)


def _scheduled(attributes: Attributes, spec: PodSpec, scheduling: RuntimeScheduling) -> PodSpec:
    """*spec* for the nodes that have the runtime."""
    for key, value in scheduling.node_selector.items():
        given = spec.node_selector.get(key, value)
        if given != value:
            raise attributes.forbidden(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {given}"
            )
    more = tuple(item for item in scheduling.tolerations if item not in spec.tolerations)
    return attrs.evolve(
        spec,
        node_selector=spec.node_selector.with_items(scheduling.node_selector),
        tolerations=(*spec.tolerations, *more),
    )
