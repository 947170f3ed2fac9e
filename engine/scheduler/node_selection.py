"""Whether a node meets nodeSelector and node affinity terms. Pure.

Source: component-helpers nodeaffinity, kubernetes v1.34.
"""

import re
from collections.abc import Iterable, Mapping

from engine.api.node import Node
from engine.api.wire import Json
from engine.scheduler.pod_info import PodInfo


def is_required_met(info: PodInfo, node: Node) -> bool:
    """Whether *node* has the pod's nodeSelector labels and meets one required term."""
    labels = node.metadata.labels
    if not info.node_selector.items() <= labels.items():
        return False
    required = info.node_affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    return any(matches_term(term, node) for term in required.get("nodeSelectorTerms") or ())


def preference(info: PodInfo, node: Node) -> int:
    """The weights of the pod's preferred terms that *node* meets, together."""
    preferred = info.node_affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return sum(
        int(item.get("weight", 0))
        for item in preferred
        if matches_term(item.get("preference") or {}, node)
    )


def matches_term(term: Json, node: Node) -> bool:
    """Whether all expressions and fields of a term hold; a term without any matches nothing."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _all_hold(expressions, node.metadata.labels) and _all_hold(
        fields, {"metadata.name": node.metadata.name}
    )


def _all_hold(expressions: Iterable[Json], labels: Mapping[str, str]) -> bool:
    return all(_holds(expression, labels) for expression in expressions)


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    operator = expression.get("operator")
    values: tuple[str, ...] = expression.get("values") or ()
    value = labels.get(expression.get("key", ""))
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value is None or value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator not in {"Gt", "Lt"} or len(values) != 1:
        return False
    if value is None or not _is_int(value) or not _is_int(values[0]):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _is_int(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None
