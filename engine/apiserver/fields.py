"""Field selectors: which fields of which kind can be selected by, and their values.

Source: the *ToSelectableFields functions of pkg/registry, kubernetes v1.34.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from engine.api.apps import ReplicaSet
from engine.api.core import Namespace, Secret
from engine.api.events import Event
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.selectors import (
    EVERYTHING,
    FieldRequirement,
    Selector,
    parse_field_selector,
    parse_selector,
)
from engine.apiserver.errors import BadRequestError

Accessor = Callable[[Any], str]
Predicate = Callable[[Any], bool]


def _flag(value: object) -> str:
    return "true" if value else "false"


_COMMON: dict[str, Accessor] = {
    "metadata.name": lambda obj: obj.metadata.name,
    "metadata.namespace": lambda obj: obj.metadata.namespace,
}
_BY_CLASS: dict[type[ApiObject], dict[str, Accessor]] = {
    Pod: {
        "spec.nodeName": lambda pod: pod.spec.node_name,
        "spec.restartPolicy": lambda pod: pod.spec.restart_policy,
        "spec.schedulerName": lambda pod: pod.spec.scheduler_name,
        "spec.serviceAccountName": lambda pod: pod.spec.service_account_name,
        "spec.hostNetwork": lambda pod: _flag(pod.spec.host_network),
        "status.phase": lambda pod: pod.status.phase,
        "status.podIP": lambda pod: pod.status.pod_ip,
        "status.nominatedNodeName": lambda pod: pod.status.nominated_node_name,
    },
    Node: {"spec.unschedulable": lambda node: _flag(node.spec.unschedulable)},
    Namespace: {"status.phase": lambda namespace: namespace.status.phase},
    Secret: {"type": lambda secret: secret.type},
    ReplicaSet: {"status.replicas": lambda rs: str(rs.status.replicas)},
    Event: {
        "involvedObject.kind": lambda event: event.involved_object.kind,
        "involvedObject.namespace": lambda event: event.involved_object.namespace,
        "involvedObject.name": lambda event: event.involved_object.name,
        "involvedObject.uid": lambda event: event.involved_object.uid,
        "involvedObject.apiVersion": lambda event: event.involved_object.api_version,
        "involvedObject.resourceVersion": lambda event: event.involved_object.resource_version,
        "involvedObject.fieldPath": lambda event: event.involved_object.field_path,
        "reason": lambda event: event.reason,
        "reportingComponent": lambda event: event.reporting_component,
        "source": lambda event: event.source.component or event.reporting_component,
        "type": lambda event: event.type,
    },
}


def selection(
    cls: type[ApiObject], label_selector: str, field_selector: str, *, custom: Any = None
) -> Predicate | None:
    """What tells whether an object of *cls* is selected; None if all are.

    Args:
        cls: the class of the objects.
        label_selector: as in the request.
        field_selector: as in the request.
        custom: what is known of a custom resource, which has fields of its own to select by.

    Raises:
        BadRequestError: a selector cannot be read, or not be used with that kind.
    """
    if not label_selector and not field_selector:
        return None
    if custom is not None:
        return _made(cls, label_selector, field_selector, custom)
    return _selection(cast("Any", cls), label_selector, field_selector)


@lru_cache(maxsize=1024)
def _selection(cls: Any, label_selector: str, field_selector: str) -> Predicate | None:
    return _made(cls, label_selector, field_selector, None)


def _made(cls: Any, label_selector: str, field_selector: str, custom: Any) -> Predicate | None:
    try:
        labels = parse_selector(label_selector) if label_selector else EVERYTHING
        fields = parse_field_selector(field_selector) if field_selector else ()
    except ValueError as error:
        raise BadRequestError(str(error)) from error
    tests = [(_accessor(cls, field, custom), field.value, field.is_equal) for field in fields]
    if not tests:
        return None if labels.is_empty else _by_labels(labels)

    def selects(obj: Any) -> bool:
        for accessor, value, is_equal in tests:
            if (accessor(obj) == value) is not is_equal:
                return False
        return labels.matches(obj.metadata.labels)

    return selects


def _by_labels(labels: Selector) -> Predicate:
    def selects(obj: Any) -> bool:
        return labels.matches(obj.metadata.labels)

    return selects


def _accessor(cls: type[ApiObject], field: FieldRequirement, custom: Any) -> Accessor:
    if custom is not None and field.path in custom.selectable:
        return lambda obj: str(custom.selected_value(obj, field.path))
    known = _BY_CLASS.get(cls, {})
    accessor = known.get(field.path) or _COMMON.get(field.path)
    if accessor is None:
        if known or custom is not None:
            raise BadRequestError(f"field label not supported: {field.path}")
        raise BadRequestError(
            f'"{field.path}" is not a known field selector: only "metadata.name", '
            '"metadata.namespace"'
        )
    return accessor


def equal_to(field_selector: str, path: str) -> str | None:
    """The value that *field_selector* demands of *path*, or None if it leaves it open."""
    if path not in field_selector:
        return None
    for field in parse_field_selector(field_selector):
        if field.path == path and field.is_equal:
            return field.value
    return None
