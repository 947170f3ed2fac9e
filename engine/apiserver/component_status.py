"""ComponentStatuses: not stored, but made when somebody asks.

Source: pkg/registry/core/componentstatus, kubernetes v1.34.
"""

from typing import Any

from engine.api.codec import decode_as
from engine.api.meta import ApiObject
from engine.api.scheme import make_kind

COMPONENT_STATUS = make_kind("v1", "ComponentStatus")
_COMPONENTS = ("controller-manager", "etcd-0", "scheduler")


def component_statuses(alarm: str | None) -> tuple[ApiObject, ...]:
    """One for each component of the control plane; *alarm* is what ails the store, if anything."""
    return tuple(_status(name, alarm if name == "etcd-0" else None) for name in _COMPONENTS)


def _status(name: str, fault: str | None) -> ApiObject:
    condition: dict[str, Any] = {"type": "Healthy", "status": "True", "message": "ok"}
    if fault is not None:
        condition = {"type": "Healthy", "status": "False", "message": fault, "error": fault}
    return decode_as(COMPONENT_STATUS, {"metadata": {"name": name}, "conditions": [condition]})
