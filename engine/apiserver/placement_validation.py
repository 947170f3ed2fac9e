"""Checks where pods want to run: affinity, tolerations, spread, gates. None is raised.

Source: validateAffinity and its neighbours, pkg/apis/core/validation, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.api.codec import decode_part
from engine.api.container import Toleration
from engine.api.meta import LabelSelector
from engine.api.pod import PodSpec
from engine.apiserver.errors import Cause
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    invalid_all,
    label_faults,
    one_of,
    qualified_name_faults,
    required,
    unsupported,
)

_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def validate_placement(spec: PodSpec, path: str) -> list[Cause]:
    """All that is wrong with where the pod wants to run."""
    causes: list[Cause] = []
    for index, toleration in enumerate(spec.tolerations):
        causes += validate_toleration(toleration, f"{path}.tolerations[{index}]")
    if spec.affinity:
        causes += _affinity(spec.affinity, f"{path}.affinity")
    if spec.topology_spread_constraints:
        causes += _spread(spec.topology_spread_constraints, f"{path}.topologySpreadConstraints")
    if spec.scheduling_gates:
        causes += _gates(spec, path)
    for index, gate in enumerate(spec.readiness_gates):
        name = gate.get("conditionType", "")
        place = f"{path}.readinessGates[{index}].conditionType"
        causes += invalid_all(place, name, qualified_name_faults(name))
    return causes


def validate_toleration(toleration: Toleration, path: str) -> list[Cause]:
    """All that is wrong with *toleration*."""
    causes: list[Cause] = []
    if toleration.key:
        faults = qualified_name_faults(toleration.key)
        causes += invalid_all(f"{path}.key", toleration.key, faults)
    elif toleration.operator != "Exists":
        message = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        causes.append(invalid(f"{path}.operator", toleration.operator, message))
    if toleration.operator not in ("", "Equal", "Exists"):
        causes.append(unsupported(f"{path}.operator", toleration.operator, ("Equal", "Exists")))
    if toleration.operator == "Exists" and toleration.value:
        message = "value must be empty when `operator` is 'Exists'"
        causes.append(invalid(f"{path}.operator", toleration.value, message))
    if toleration.effect and toleration.effect not in _EFFECTS:
        causes.append(unsupported(f"{path}.effect", toleration.effect, _EFFECTS))
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        message = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        causes.append(invalid(f"{path}.effect", toleration.effect, message))
    return causes


def validate_node_selector(selector: Mapping[str, Any], path: str) -> list[Cause]:
    """All that is wrong with a NodeSelector, in wire form."""
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        message = "must have at least one node selector term"
        return [required(f"{path}.nodeSelectorTerms", message)]
    return [
        cause
        for index, term in enumerate(terms)
        for cause in _node_term(term, f"{path}.nodeSelectorTerms[{index}]")
    ]


def _affinity(affinity: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    node = affinity.get("nodeAffinity") or {}
    place = f"{path}.nodeAffinity"
    if node.get(_REQUIRED) is not None:
        causes += validate_node_selector(node[_REQUIRED], f"{place}.{_REQUIRED}")
    for index, preferred in enumerate(node.get(_PREFERRED) or ()):
        spot = f"{place}.{_PREFERRED}[{index}]"
        causes += _weight(preferred, spot)
        causes += _node_term(preferred.get("preference") or {}, f"{spot}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        place = f"{path}.{kind}"
        for index, term in enumerate(rules.get(_REQUIRED) or ()):
            causes += _pod_term(term, f"{place}.{_REQUIRED}[{index}]")
        for index, preferred in enumerate(rules.get(_PREFERRED) or ()):
            spot = f"{place}.{_PREFERRED}[{index}]"
            causes += _weight(preferred, spot)
            causes += _pod_term(preferred.get("podAffinityTerm") or {}, f"{spot}.podAffinityTerm")
    return causes


def _weight(preferred: Mapping[str, Any], path: str) -> list[Cause]:
    weight = preferred.get("weight", 0)
    if 1 <= weight <= 100:
        return []
    return [invalid(f"{path}.weight", weight, "must be in the range 1-100")]


def _node_term(term: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, expression in enumerate(term.get("matchExpressions") or ()):
        causes += _node_expression(expression, f"{path}.matchExpressions[{index}]")
    for index, expression in enumerate(term.get("matchFields") or ()):
        place = f"{path}.matchFields[{index}]"
        if expression.get("operator") not in ("In", "NotIn"):
            message = "not a valid selector operator"
            causes.append(invalid(f"{place}.operator", expression.get("operator", ""), message))
        elif len(expression.get("values") or ()) != 1:
            message = (
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            )
            causes.append(required(f"{place}.values", message))
        if expression.get("key") != "metadata.name":
            message = "not a valid field selector key"
            causes.append(invalid(f"{place}.key", expression.get("key", ""), message))
    return causes


def _node_expression(expression: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    values = expression.get("values") or ()
    match expression.get("operator", ""):
        case "In" | "NotIn":
            if not values:
                message = "must be specified when `operator` is 'In' or 'NotIn'"
                causes.append(required(f"{path}.values", message))
        case "Exists" | "DoesNotExist":
            if values:
                message = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                causes.append(forbidden(f"{path}.values", message))
        case "Gt" | "Lt":
            if len(values) != 1:
                message = "must be specified single value when `operator` is 'Lt' or 'Gt'"
                causes.append(required(f"{path}.values", message))
        case other:
            causes.append(invalid(f"{path}.operator", other, "not a valid selector operator"))
    key = expression.get("key", "")
    return [*causes, *invalid_all(f"{path}.key", key, qualified_name_faults(key))]


def _pod_term(term: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("labelSelector", "namespaceSelector"):
        if term.get(field) is not None:
            selector = decode_part(LabelSelector, term[field])
            causes += validate_selector(selector, f"{path}.{field}")
    for name in term.get("namespaces") or ():
        causes += invalid_all(f"{path}.namespace", name, label_faults(name))
    key = term.get("topologyKey", "")
    if not key:
        return [*causes, required(f"{path}.topologyKey", "can not be empty")]
    return [*causes, *invalid_all(f"{path}.topologyKey", key, qualified_name_faults(key))]


def _spread(constraints: Iterable[Mapping[str, Any]], path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: dict[tuple[str, str], None] = {}
    for index, item in enumerate(constraints):
        place = f"{path}[{index}]"
        skew, key, when = (
            item.get("maxSkew", 0), item.get("topologyKey", ""), item.get("whenUnsatisfiable", "")
        )  # fmt: skip
        if skew <= 0:
            causes.append(invalid(f"{place}.maxSkew", skew, "must be greater than zero"))
        if not key:
            causes.append(required(f"{place}.topologyKey", "can not be empty"))
        if when not in ("DoNotSchedule", "ScheduleAnyway"):
            allowed = ("DoNotSchedule", "ScheduleAnyway")
            causes.append(unsupported(f"{place}.whenUnsatisfiable", when, allowed))
        if (key, when) in seen:
            causes.append(duplicate(place, f"{{{key}, {when}}}"))
        seen[key, when] = None
        causes += _spread_options(item, when, place)
    return causes


def _spread_options(item: Mapping[str, Any], when: str, path: str) -> list[Cause]:
    causes: list[Cause] = []
    least = item.get("minDomains")
    if least is not None and least <= 0:
        causes.append(invalid(f"{path}.minDomains", least, "must be greater than 0"))
    if least is not None and when != "DoNotSchedule":
        message = "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not " + (
            when or '""'
        )
        causes.append(invalid(f"{path}.minDomains", least, message))
    for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
        if item.get(field) is not None:
            causes += one_of(f"{path}.{field}", item[field], ("Honor", "Ignore"))
    if item.get("labelSelector") is not None:
        selector = decode_part(LabelSelector, item["labelSelector"])
        causes += validate_selector(selector, f"{path}.labelSelector")
    elif item.get("matchLabelKeys"):
        message = "must not be specified when labelSelector is not set"
        causes.append(forbidden(f"{path}.matchLabelKeys", message))
    return causes


def _gates(spec: PodSpec, path: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: dict[str, None] = {}
    for index, gate in enumerate(spec.scheduling_gates):
        name = gate.get("name", "")
        place = f"{path}.schedulingGates[{index}]"
        causes += invalid_all(place, name, qualified_name_faults(name))
        if name in seen:
            causes.append(duplicate(place, name))
        seen[name] = None
    if spec.node_name:
        message = "cannot be set until all schedulingGates have been cleared"
        causes.append(forbidden(f"{path}.nodeName", message))
    return causes
