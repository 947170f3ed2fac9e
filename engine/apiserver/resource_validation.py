"""Checks requests and limits. All faults are found, none is raised.

Source: ValidateContainerResourceRequirements of pkg/apis/core/validation, kubernetes v1.34.
"""

from collections.abc import Mapping
from functools import lru_cache

from engine.api import quantity
from engine.api.container import ResourceRequirements
from engine.apiserver.errors import Cause
from engine.apiserver.validation import invalid, qualified_name_faults, required

STANDARD = ("cpu", "memory", "ephemeral-storage")

_NATIVE_DOMAIN = "kubernetes.io/"
_PAGES = "hugepages-"


def validate_resources(resources: Mapping[str, str], path: str) -> list[Cause]:
    """All that is wrong with requests or limits by themselves."""
    causes = []
    for name, value in resources.items():
        place = f"{path}[{name}]"
        causes += [invalid(place, name, fault) for fault in container_resource_faults(name)]
        causes += quantity_causes(value, place, is_whole=is_extended(name))
    return causes


def quantity_causes(value: str, path: str, *, is_whole: bool = False) -> list[Cause]:
    """A quantity that is none, is negative, or *is_whole* and has a fraction."""
    try:
        amount = quantity.parse(value)
    except ValueError as error:
        return [invalid(path, value, str(error))]
    if amount < 0:
        return [invalid(path, value, "must be greater than or equal to 0")]
    if is_whole and amount != amount.to_integral_value():
        return [invalid(path, value, "must be an integer")]
    return []


@lru_cache(maxsize=1024)
def container_resource_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from being a resource of a container."""
    faults = qualified_name_faults(name)
    if faults:
        return faults
    if "/" not in name and name not in STANDARD and not name.startswith(_PAGES):
        return (
            "must be a standard resource type or fully qualified",
            "must be a standard resource for containers",
        )
    return ()


def is_extended(name: str) -> bool:
    """Whether *name* is a resource of devices: whole, and never shared out twice."""
    return "/" in name and _NATIVE_DOMAIN not in name and not name.startswith("requests.")


def validate_requirements(resources: ResourceRequirements, path: str) -> list[Cause]:
    """All that is wrong with *resources*: each by itself, and requests beside limits."""
    if not resources.limits and not resources.requests:
        return []
    causes = [
        *validate_resources(resources.limits, f"{path}.limits"),
        *validate_resources(resources.requests, f"{path}.requests"),
    ]
    if causes:
        return causes
    limits = resources.limits
    for name, value in resources.requests.items():
        limit = limits.get(name)
        is_firm = is_extended(name) or name.startswith(_PAGES)
        if limit is None:
            if is_firm:
                message = "Limit must be set for non overcommitable resources"
                causes.append(required(f"{path}.limits", message))
            continue
        asked, most = quantity.parse(value), quantity.parse(limit)
        if is_firm and asked != most:
            message = f"must be equal to {name} limit of {limit}"
            causes.append(invalid(f"{path}.requests", value, message))
        elif asked > most:
            message = f"must be less than or equal to {name} limit of {limit}"
            causes.append(invalid(f"{path}.requests", value, message))
    names = {*limits, *resources.requests}
    if any(name.startswith(_PAGES) for name in names) and not names & {"cpu", "memory"}:
        message = "HugePages require cpu or memory"
        causes.append(
            Cause(field=path, message=f"Forbidden: {message}", reason="FieldValueForbidden")
        )
    return causes
