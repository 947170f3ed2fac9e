"""Checks label selectors. All faults are found, none is raised.

Source: ValidateLabelSelector of k8s.io/apimachinery meta/v1/validation, kubernetes v1.34.
"""

from engine.api.meta import LabelSelector
from engine.apiserver.errors import Cause
from engine.apiserver.validation import (
    forbidden,
    invalid,
    label_value_faults,
    qualified_name_faults,
    required,
    validate_labels,
)

_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


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
