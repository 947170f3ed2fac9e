"""Which nodes a pod accepts by its nodeSelector and required node affinity. Pure.

Source: component-helpers/scheduling/corev1/nodeaffinity, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

from engine.api.node import Node
from engine.api.pod import PodSpec
from engine.api.selectors import Requirement

_OPERATORS = {
    "In": "in",
    "NotIn": "notin",
    "Exists": "exists",
    "DoesNotExist": "!",
    "Gt": "gt",
    "Lt": "lt",
}


def accepts_node(spec: PodSpec, node: Node) -> bool:
    """Whether a pod of *spec* may be on *node* as far as labels and names say."""
    labels = node.metadata.labels
    if not spec.node_selector.items() <= labels.items():
        return False
    required = required_terms(spec)
    return required is None or any(meets_term(term, node) for term in required)


def required_terms(spec: PodSpec) -> tuple[Mapping[str, Any], ...] | None:
    """The terms of the required node affinity, one of which must be met; None if there is none."""
    affinity = (spec.affinity or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return None
    return tuple(required.get("nodeSelectorTerms") or ())


def meets_term(term: Mapping[str, Any], node: Node) -> bool:
    """Whether *node* meets all of *term*; a term that says nothing is never met."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    labels = node.metadata.labels
    names = {"metadata.name": node.metadata.name}
    return all(_meets(item, labels) for item in expressions) and all(
        _meets(item, names) for item in fields
    )


def _meets(item: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    operator = _OPERATORS.get(item.get("operator", ""))
    if operator is None:
        return False
    wanted = tuple(item.get("values") or ())
    if operator in {"gt", "lt"} and len(wanted) != 1:
        return False
    return Requirement(item.get("key", ""), operator, wanted).matches(values)
