"""Priority: the class's number, and the policy that goes with it, on every new pod.

Source: plugin/pkg/admission/priority, kubernetes v1.34.
"""

from typing import Any

from engine.api.evolution import evolve
from engine.api.pod import Pod
from engine.api.scheduling import SYSTEM_CLASSES, PriorityClass
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes, objects_in
from engine.apiserver.storage import ObjectStorage

_PREEMPT = "PreemptLowerPriority"
_CLASSES = SCHEME.resource_of(PriorityClass)


class Priority:
    """Resolves ``priorityClassName``; without one the global default class applies.

    There is one such default at most.
    """

    kinds = (Pod, PriorityClass)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The pod with its priority."""
        obj = attributes.obj
        if attributes.is_write_of(PriorityClass):
            _check_default(attributes, storage)
            return obj
        return _resolved(attributes, storage) if attributes.is_creation_of(Pod) else obj


def _resolved(attributes: Attributes, storage: ObjectStorage) -> Pod:
    pod: Pod = attributes.obj
    spec = pod.spec
    name, value, policy = _class_of(attributes, storage)
    if spec.priority is not None and spec.priority != value:
        raise attributes.forbidden(
            f"the integer value of priority ({spec.priority}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
    given = spec.extra.get("preemptionPolicy")
    if given is not None and given != policy:
        raise attributes.forbidden(
            f"the string value of PreemptionPolicy ({given}) must not be provided in pod spec; "
            f"priority admission controller computed {policy} from the given PriorityClass name"
        )
    extra = spec.extra if given else spec.extra.with_items({"preemptionPolicy": policy})
    spec = evolve(spec, priority_class_name=name, priority=value, extra=extra)
    return evolve(pod, spec=spec)


def _class_of(attributes: Attributes, storage: ObjectStorage) -> tuple[str, int, str]:
    name = attributes.obj.spec.priority_class_name
    if name in SYSTEM_CLASSES:
        return name, SYSTEM_CLASSES[name], _PREEMPT
    if name:
        found = storage.find(_CLASSES, "", name)
        if found is None:
            raise attributes.forbidden(f"no PriorityClass with name {name} was found")
        return _read(found)
    marked = [item for item in objects_in(storage, _CLASSES) if item.global_default]
    if not marked:
        return "", 0, _PREEMPT
    # Two defaults can only come from an older store; the lower one does less harm.
    return _read(min(marked, key=lambda item: item.value))


def _read(found: PriorityClass) -> tuple[str, int, str]:
    return found.metadata.name, found.value, found.preemption_policy or _PREEMPT


def _check_default(attributes: Attributes, storage: ObjectStorage) -> None:
    obj = attributes.obj
    if not obj.global_default:
        return
    for other in objects_in(storage, _CLASSES):
        if other.global_default and other.metadata.name != obj.metadata.name:
            raise attributes.forbidden(
                f"PriorityClass {other.metadata.name} is already marked as default. "
                "Only one default can exist"
            )
