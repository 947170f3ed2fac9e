"""Checks resource quotas and limit ranges. All faults are found, none is raised.

Source: ValidateResourceQuota and ValidateLimitRange, pkg/apis/core/validation, kubernetes v1.34.
"""

from collections.abc import Mapping

from engine.api import quantity
from engine.api.quota import LimitRangeItem, LimitRangeSpec, ResourceQuotaSpec
from engine.apiserver.errors import Cause
from engine.apiserver.resource_validation import quantity_causes
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    qualified_name_faults,
    required,
)

_STANDARD = frozenset(
    {
        "cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory",
        "requests.storage", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
        "limits.ephemeral-storage", "pods", "resourcequotas", "services",
        "replicationcontrollers", "secrets", "persistentvolumeclaims", "configmaps",
        "services.nodeports", "services.loadbalancers",
    }
)  # fmt: skip
_WHOLE = frozenset(
    {
        "pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
        "persistentvolumeclaims", "configmaps", "services.nodeports", "services.loadbalancers",
    }
)  # fmt: skip
_SCOPES = (
    "BestEffort", "CrossNamespacePodAffinity", "NotBestEffort", "NotTerminating", "PriorityClass",
    "Terminating",
)  # fmt: skip
_CONTRARY = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_OPERATORS = ("DoesNotExist", "Exists", "In", "NotIn")


def validate_quota(spec: ResourceQuotaSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes: list[Cause] = []
    for name, value in spec.hard.items():
        place = f"spec.hard[{name}]"
        causes += [invalid(place, name, fault) for fault in _name_faults(name)]
        is_whole = name in _WHOLE or name.startswith("count/")
        causes += quantity_causes(value, place, is_whole=is_whole)
    return causes + _scopes(spec)


def validate_limit_range(spec: LimitRangeSpec) -> list[Cause]:
    """All that is wrong with *spec*."""
    causes: list[Cause] = []
    seen: dict[str, None] = {}
    for index, item in enumerate(spec.limits):
        path = f"spec.limits[{index}]"
        if item.type in seen:
            causes.append(duplicate(f"{path}.type", item.type))
        seen[item.type] = None
        if item.type == "Pod":
            for field, given in (
                ("default", item.default), ("defaultRequest", item.default_request)
            ):  # fmt: skip
                if given:
                    message = "may not be specified when `type` is 'Pod'"
                    causes.append(forbidden(f"{path}.{field}", message))
        if item.type == "PersistentVolumeClaim" and not (
            "storage" in item.min or "storage" in item.max
        ):
            message = (
                "either minimum or maximum storage value is required, but neither was provided"
            )
            causes.append(required(path, message))
        causes += _bounds(item, path)
    return causes


def _name_faults(name: str) -> tuple[str, ...]:
    faults = qualified_name_faults(name)
    if faults:
        return faults
    bare = name.removeprefix("requests.")
    if "/" in name or name in _STANDARD or bare.startswith("hugepages-"):
        return ()
    return (
        "must be a standard resource type or fully qualified",
        "must be a standard resource for quota",
    )


def _scopes(spec: ResourceQuotaSpec) -> list[Cause]:
    causes: list[Cause] = []
    for scope in spec.scopes:
        if scope not in _SCOPES:
            causes.append(invalid("spec.scopes", spec.scopes, "unsupported scope"))
        elif scope == "BestEffort" and any(name != "pods" for name in spec.hard):
            message = "unsupported scope applied to resource"
            causes.append(invalid("spec.scopes", spec.scopes, message))
    causes += [
        invalid("spec.scopes", spec.scopes, "conflicting scopes")
        for pair in _CONTRARY
        if all(scope in spec.scopes for scope in pair)
    ]
    expressions = spec.scope_selector.match_expressions if spec.scope_selector else ()
    for index, expression in enumerate(expressions):
        path = f"spec.scopeSelector.matchExpressions[{index}]"
        if expression.scope_name not in _SCOPES:
            message = "unsupported scope"
            causes.append(invalid(f"{path}.scopeName", expression.scope_name, message))
        if expression.operator not in _OPERATORS:
            message = "not a valid selector operator"
            causes.append(invalid(f"{path}.operator", expression.operator, message))
        elif expression.operator in ("In", "NotIn") and not expression.values:
            message = "must be at least one value when `operator` is 'In' or 'NotIn'"
            causes.append(required(f"{path}.values", message))
        elif expression.operator in ("Exists", "DoesNotExist") and expression.values:
            message = "must be no value when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(invalid(f"{path}.values", expression.values, message))
    return causes


def _bounds(item: LimitRangeItem, path: str) -> list[Cause]:
    causes: list[Cause] = []
    parts: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("max", item.max), ("min", item.min), ("default", item.default),
        ("defaultRequest", item.default_request),
        ("maxLimitRequestRatio", item.max_limit_request_ratio),
    )  # fmt: skip
    for field, amounts in parts:
        for name, value in amounts.items():
            causes += quantity_causes(value, f"{path}.{field}[{name}]")
    if causes:
        return causes
    names = dict.fromkeys(name for _, amounts in parts for name in amounts)
    for name in names:
        causes += _order(item, name, path)
    return causes


def _order(item: LimitRangeItem, name: str, path: str) -> list[Cause]:
    """Min <= default request <= default <= max, of what is given."""
    steps = (
        ("min", "min value", item.min.get(name)),
        ("defaultRequest", "default request value", item.default_request.get(name)),
        ("default", "default value", item.default.get(name)),
        ("max", "max value", item.max.get(name)),
    )
    given = [(field, words, text) for field, words, text in steps if text is not None]
    causes = [
        invalid(f"{path}.{field}[{name}]", text, f"{words} {text} is greater than {more} {limit}")
        for index, (field, words, text) in enumerate(given)
        for _, more, limit in given[index + 1 :]
        if quantity.parse(text) > quantity.parse(limit)
    ]
    ratio = item.max_limit_request_ratio.get(name)
    if ratio is not None and quantity.parse(ratio) < 1:
        place = f"{path}.maxLimitRequestRatio[{name}]"
        causes.append(invalid(place, ratio, f"ratio {ratio} is less than 1"))
    return causes
