"""Does a claim hold? Pure over what a `View` of the cluster shows."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import attrs

from engine.api.quantity import parse
from engine.scenario.schema import Predicate

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]|\[([^\]=]+)=([^\]]*)\]")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda found, wanted: found in wanted,
    "contains": lambda found, wanted: wanted in found,
    "matches": lambda found, wanted: re.search(str(wanted), str(found)) is not None,
}
OPERATORS = tuple(_COMPARE)
"""What may stand between a value found and a value wanted."""


@attrs.frozen(kw_only=True)
class HttpAnswer:
    """What came back: *status* 0 if nothing did, and then why in *body*."""

    status: int
    body: str


class View(Protocol):
    """What claims are made about."""

    def find(self, reference: str, namespace: str) -> dict[str, Any] | None:
        """The object ``kind/name`` in wire form, or None."""
        ...

    def events(self) -> Iterable[dict[str, Any]]:
        """All Events in wire form."""
        ...

    def active_faults(self) -> int:
        """How many faults are in force."""
        ...

    def http(self, target: str, namespace: str) -> HttpAnswer | None:
        """The answer of ``service/name:port/path``; None while it is under way.

        Each answer is given once; the next call asks again.
        """
        ...

    def dns(self, name: str) -> tuple[str, ...]:
        """The addresses of a name; none if it does not resolve."""
        ...

    def log(self, reference: str, container: str, namespace: str) -> str | None:
        """The log of ``pod/name`` or of a workload's pods; None while it is read."""
        ...

    def usage(self, reference: str, resource: str, namespace: str) -> str | None:
        """The cpu or memory that a pod or node uses, as a quantity; None if not measured."""
        ...

    def violations(self, invariant: str) -> tuple[str, ...]:
        """How the invariant (``*`` for any) was broken so far, each in words."""
        ...

    def may(self, user: str, access: str, namespace: str) -> bool:
        """Whether *user* may do *access* (``list pods``) in *namespace*."""
        ...


@attrs.frozen(kw_only=True)
class Outcome:
    """Whether a claim holds, and in words what was found; pending while an answer is under way."""

    holds: bool
    found: str
    is_pending: bool = False


def evaluate(claim: Predicate, view: View) -> Outcome:
    """Whether *claim* holds in *view* now."""
    parts = [
        check(claim, view)
        for is_asked, check in (
            (claim.object is not None, _check_object),
            (claim.rollout is not None, _check_rollout),
            (claim.events is not None, _check_events),
            (claim.http is not None, _check_http),
            (claim.dns is not None, _check_dns),
            (claim.log is not None, _check_log),
            (claim.metric is not None, _check_metric),
            (claim.invariant is not None, _check_invariant),
            (claim.access is not None, _check_access),
            (claim.faults_active is not None, _check_faults),
        )
        if is_asked
    ]
    if not parts:
        return Outcome(holds=False, found="the claim names nothing to look at")
    return Outcome(
        holds=all(part.holds for part in parts),
        found="; ".join(part.found for part in parts),
        is_pending=any(part.is_pending for part in parts),
    )


def look_up(data: Any, path: str) -> Any:
    """The value at *path* in a wire form, or None: ``a.b[0].c``, ``taints[key=team].effect``."""
    for name, index, key, value in _STEP.findall(path):
        if data is None:
            return None
        if name:
            data = data.get(name) if isinstance(data, dict) else None
        elif index:
            data = data[int(index)] if _has_index(data, int(index)) else None
        else:
            entries = data if isinstance(data, list | tuple) else ()
            data = next((item for item in entries if str(item.get(key)) == value), None)
    return data


def _has_index(data: Any, index: int) -> bool:
    return isinstance(data, list | tuple) and index < len(data)


def compare(found: Any, op: str, wanted: Any, *, kind: str | None = None) -> bool:
    """Whether *found op wanted*; a missing number counts as 0.

    Raises:
        ValueError: *op* is not an operator, or a quantity is none.
    """
    function = _COMPARE.get(op)
    if function is None:
        msg = f"{op!r} is not one of {' '.join(_COMPARE)}"
        raise ValueError(msg)
    if kind == "quantity":
        if found is None:
            return False
        found, wanted = parse(str(found)), parse(str(wanted))
    if found is None and isinstance(wanted, int | float) and not isinstance(wanted, bool):
        found = 0
    try:
        return function(found, wanted)
    except TypeError:
        return False


def _check_object(claim: Predicate, view: View) -> Outcome:
    assert claim.object is not None
    obj = view.find(claim.object, claim.namespace)
    if claim.exists is not None:
        return Outcome(
            holds=(obj is not None) == claim.exists,
            found=f"{claim.object} {'exists' if obj is not None else 'does not exist'}",
        )
    if obj is None:
        return Outcome(holds=False, found=f"{claim.object} does not exist")
    if claim.condition is not None:
        status = look_up(obj, f"status.conditions[type={claim.condition}].status")
        found = f"{claim.object} {claim.condition} is {status or 'not set'}"
        return Outcome(holds=status == "True", found=found)
    if claim.path is None:
        return Outcome(holds=True, found=f"{claim.object} exists")
    value = look_up(obj, claim.path)
    return Outcome(
        holds=compare(value, claim.op, claim.value, kind=claim.as_),
        found=f"{claim.object} {claim.path} is {value!r} (wanted {claim.op} {claim.value!r})",
    )


def _check_rollout(claim: Predicate, view: View) -> Outcome:
    """As `kubectl rollout status` decides, v1.34."""
    assert claim.rollout is not None
    obj = view.find(claim.rollout, claim.namespace)
    if obj is None:
        return Outcome(holds=False, found=f"{claim.rollout} does not exist")
    status = obj.get("status", {})
    wanted = obj.get("spec", {}).get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    is_current = status.get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)
    return Outcome(
        holds=is_current and updated >= wanted and total <= updated and available >= updated,
        found=f"{claim.rollout}: {updated} of {wanted} updated, {available} available,"
        f" {max(0, total - updated)} old",
    )


def _check_events(claim: Predicate, view: View) -> Outcome:
    assert claim.events is not None
    words = claim.events.split()
    wanted = dict(word.split("=", 1) for word in words if "=" in word)
    about = next((word for word in words if "/" in word and "=" not in word), None)
    count = 0
    for event in view.events():
        if any(str(event.get(key)) != value for key, value in wanted.items()):
            continue
        target = event.get("involvedObject", {})
        if about and f"{target.get('kind', '').lower()}/{target.get('name')}" != about:
            continue
        count += event.get("count", 0) or 1
    value = 1 if claim.value is None else claim.value
    op = ">=" if claim.value is None else claim.op
    return Outcome(
        holds=compare(count, op, value),
        found=f"{count} events {claim.events} (wanted {op} {value})",
    )


def _check_http(claim: Predicate, view: View) -> Outcome:
    assert claim.http is not None
    answer = view.http(claim.http, claim.namespace)
    if answer is None:
        return Outcome(holds=False, found=f"{claim.http}: no answer yet", is_pending=True)
    if answer.status == 0:
        return Outcome(holds=False, found=f"{claim.http}: {answer.body}")
    holds = answer.status < 400 and (claim.expect is None or claim.expect in answer.body)
    return Outcome(holds=holds, found=f"{claim.http}: {answer.status} {answer.body.strip()[:80]}")


def _check_faults(claim: Predicate, view: View) -> Outcome:
    count = view.active_faults()
    return Outcome(
        holds=count == claim.faults_active,
        found=f"{count} faults active (wanted {claim.faults_active})",
    )


def _check_dns(claim: Predicate, view: View) -> Outcome:
    assert claim.dns is not None
    found = view.dns(claim.dns)
    if claim.exists is False:
        return Outcome(holds=not found, found=f"{claim.dns} resolves to {', '.join(found) or '-'}")
    holds = bool(found) and (claim.value is None or str(claim.value) in found)
    return Outcome(holds=holds, found=f"{claim.dns}: {', '.join(found) or 'no such name'}")


def _check_log(claim: Predicate, view: View) -> Outcome:
    assert claim.log is not None
    text = view.log(claim.log, claim.container or "", claim.namespace)
    if text is None:
        return Outcome(holds=False, found=f"the log of {claim.log} is being read", is_pending=True)
    lines = [line for line in text.splitlines() if claim.expect is None or claim.expect in line]
    value, op = (1, ">=") if claim.value is None else (claim.value, claim.op)
    return Outcome(
        holds=compare(len(lines), op, value),
        found=f"{len(lines)} lines of {claim.log} have {claim.expect or 'anything'!r}",
    )


def _check_metric(claim: Predicate, view: View) -> Outcome:
    assert claim.metric is not None
    reference, _, resource = claim.metric.partition(" ")
    found = view.usage(reference, resource, claim.namespace)
    return Outcome(
        holds=found is not None and compare(found, claim.op, claim.value, kind="quantity"),
        found=f"{claim.metric} is {found or 'not measured'} (wanted {claim.op} {claim.value})",
    )


def _check_invariant(claim: Predicate, view: View) -> Outcome:
    assert claim.invariant is not None
    found = view.violations(claim.invariant)
    return Outcome(holds=not found, found=found[0] if found else f"{claim.invariant} holds")


def _check_access(claim: Predicate, view: View) -> Outcome:
    assert claim.access is not None
    user = claim.user or ""
    is_allowed = view.may(user, claim.access, claim.namespace)
    said = "may" if is_allowed else "may not"
    return Outcome(
        holds=is_allowed == (claim.value is not False),
        found=f"{user} {said} {claim.access} in {claim.namespace}",
    )
