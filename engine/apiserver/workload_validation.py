"""Checks what the kinds that make pods have in common: counts, selectors, rolling updates.

Source: pkg/apis/apps/validation, kubernetes v1.34.
"""

import re

from engine.api.apps import DeploymentStrategy
from engine.api.meta import LabelSelector
from engine.api.pod import PodTemplateSpec
from engine.api.selectors import matches
from engine.api.wire import IntOrString
from engine.apiserver.errors import Cause
from engine.apiserver.validation import (
    forbidden,
    invalid,
    label_value_faults,
    qualified_name_faults,
    required,
    unsupported,
    validate_labels,
)

_PERCENT = re.compile(r"\d+%")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def validate_count(value: int, path: str) -> list[Cause]:
    """A number that cannot be negative."""
    return [] if value >= 0 else [invalid(path, value, "must be greater than or equal to 0")]


def validate_selector(selector: LabelSelector, path: str) -> list[Cause]:
    """All that is wrong with *selector*."""
    causes = validate_labels(selector.match_labels, f"{path}.matchLabels")
    for index, expression in enumerate(selector.match_expressions):
        place = f"{path}.matchExpressions[{index}]"
        causes += [
            invalid(f"{place}.key", expression.key, f)
            for f in qualified_name_faults(expression.key)
        ]
        if expression.operator not in _OPERATORS:
            message = "not a valid selector operator"
            causes.append(invalid(f"{place}.operator", expression.operator, message))
        elif expression.operator in ("In", "NotIn"):
            if not expression.values:
                message = "must be specified when `operator` is 'In' or 'NotIn'"
                causes.append(required(f"{place}.values", message))
            for value in expression.values:
                causes += [invalid(f"{place}.values", value, f) for f in label_value_faults(value)]
        elif expression.values:
            message = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(forbidden(f"{place}.values", message))
    return causes


def validate_workload_selector(
    selector: LabelSelector | None, template: PodTemplateSpec, path: str
) -> list[Cause]:
    """The selector of a kind that makes pods: there, not empty, and met by the template."""
    place = f"{path}.selector"
    if selector is None:
        return [required(place)]
    causes = validate_selector(selector, place)
    if not selector.match_labels and not selector.match_expressions:
        causes.append(invalid(place, "{}", "empty selector is invalid for deployment"))
    elif not causes and not matches(selector, template.metadata.labels):
        labels = "{" + ",".join(f'"{k}":"{v}"' for k, v in template.metadata.labels.items()) + "}"
        message = "`selector` does not match template `labels`"
        causes.append(
            Cause(
                field=f"{path}.template.metadata.labels",
                message=f"Invalid value: {labels}: {message}",
            )
        )
    return causes


def validate_rollout(strategy: DeploymentStrategy, path: str) -> list[Cause]:
    """How a deployment goes from one template to the next."""
    if strategy.type not in ("RollingUpdate", "Recreate"):
        return [unsupported(f"{path}.type", strategy.type, ("Recreate", "RollingUpdate"))]
    rolling = strategy.rolling_update
    if strategy.type == "Recreate":
        if rolling is None:
            return []
        message = "may not be specified when strategy `type` is 'Recreate'"
        return [forbidden(f"{path}.rollingUpdate", message)]
    if rolling is None:
        return [required(f"{path}.rollingUpdate")]
    surge, unavailable = rolling.max_surge, rolling.max_unavailable
    causes = [
        *_validate_share(unavailable, f"{path}.rollingUpdate.maxUnavailable"),
        *_validate_share(surge, f"{path}.rollingUpdate.maxSurge"),
    ]
    if not causes and _is_zero(surge) and _is_zero(unavailable):
        message = "may not be 0 when `maxSurge` is 0"
        causes.append(invalid(f"{path}.rollingUpdate.maxUnavailable", unavailable, message))
    if isinstance(unavailable, str) and not causes and int(unavailable[:-1]) > 100:
        field = f"{path}.rollingUpdate.maxUnavailable"
        causes.append(invalid(field, unavailable, "must not be greater than 100%"))
    return causes


def _validate_share(value: IntOrString | None, path: str) -> list[Cause]:
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        message = (
            "must be an integer or percentage (e.g '5%'): a valid percent string must be a numeric "
            "string followed by an ending '%'"
        )
        return [invalid(path, value, message)]
    if isinstance(value, int):
        return validate_count(value, path)
    return []


def _is_zero(value: IntOrString | None) -> bool:
    return value in (0, "0%", None)
