"""Which nodes meet nodeSelector and node affinity terms, one by one or all at once. Pure.

Source: component-helpers nodeaffinity, kubernetes v1.34.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from engine.api.node import Node
from engine.api.wire import Json
from engine.scheduler.columns import Mask, Rows
from engine.scheduler.node_table import NodeTable

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NAME = "metadata.name"


def required_rows(
    selector: Mapping[str, str], affinity: Json, table: NodeTable, rows: Rows
) -> Mask:
    """Which of *rows* have all labels of *selector* and meet one required term of *affinity*."""
    met = table.exists[rows].copy()
    for label, value in selector.items():
        met &= _has_value(table, rows, label, (value,))
    required = affinity.get(REQUIRED)
    if required is not None:
        met &= any_term(required.get("nodeSelectorTerms") or (), table, rows)
    return met


def any_term(terms: Iterable[Json], table: NodeTable, rows: Rows) -> Mask:
    """Which of *rows* meet at least one of *terms*."""
    met = np.zeros(len(rows), np.bool_)
    for term in terms:
        met |= term_rows(term, table, rows)
    return met


def term_rows(term: Json, table: NodeTable, rows: Rows) -> Mask:
    """Which of *rows* meet a term; one without expressions and fields is met nowhere."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return np.zeros(len(rows), np.bool_)
    met = table.exists[rows].copy()
    for expression in expressions:
        met &= _expression_rows(expression, table, rows)
    for field in fields:
        met &= _field_rows(field, table, rows)
    return met


def matches_term(term: Json, node: Node) -> bool:
    """Whether one node meets a term."""
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _all_hold(expressions, node.metadata.labels) and _all_hold(
        fields, {_NAME: node.metadata.name}
    )


def named_nodes(affinity: Json) -> frozenset[str] | None:
    """The only nodes that required terms leave, by name; None if they are not all by name.

    Source: NodeAffinity.PreFilter, kubernetes v1.34.
    """
    required = affinity.get(REQUIRED)
    terms = (required or {}).get("nodeSelectorTerms") or ()
    if not terms:
        return None
    found: set[str] = set()
    for term in terms:
        names: set[str] | None = None
        for field in term.get("matchFields") or ():
            if field.get("key") == _NAME and field.get("operator") == "In":
                wanted = set(field.get("values") or ())
                names = wanted if names is None else names & wanted
        if names is None:
            return None
        found |= names
    return frozenset(found)


def _expression_rows(expression: Json, table: NodeTable, rows: Rows) -> Mask:
    operator, label = expression.get("operator"), expression.get("key", "")
    values: tuple[str, ...] = expression.get("values") or ()
    if operator == "In":
        return _has_value(table, rows, label, values)
    if operator == "NotIn":
        return ~_has_value(table, rows, label, values)
    domain = table.domain(label)[rows]
    has_label: Mask = domain >= 0
    if operator == "Exists":
        return has_label
    if operator == "DoesNotExist":
        return ~has_label
    if operator not in {"Gt", "Lt"} or len(values) != 1 or not _is_int(values[0]):
        return np.zeros(len(rows), np.bool_)
    limit = int(values[0])
    good = [
        number
        for value, number in table.domain_values(label).items()
        if _is_int(value) and (int(value) > limit if operator == "Gt" else int(value) < limit)
    ]
    return np.isin(domain, np.array(good, np.int64))


def _has_value(table: NodeTable, rows: Rows, label: str, values: Iterable[str]) -> Mask:
    domain = table.domain(label)[rows]
    known = table.domain_values(label)
    numbers = [known[value] for value in values if value in known]
    if len(numbers) == 1:
        return np.asarray(domain == numbers[0])
    if not numbers:
        return np.zeros(len(rows), np.bool_)
    return np.isin(domain, np.array(numbers, np.int64))


def _field_rows(field: Json, table: NodeTable, rows: Rows) -> Mask:
    if field.get("key") != _NAME or field.get("operator") not in {"In", "NotIn"}:
        return np.zeros(len(rows), np.bool_)
    named = [table.rows[name] for name in field.get("values") or () if name in table.rows]
    is_named = np.isin(rows, np.array(named, np.intp))
    return is_named if field.get("operator") == "In" else ~is_named


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
