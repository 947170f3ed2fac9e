"""Whether what a fault says of a healthy cluster holds. Reads objects, decides, changes nothing."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from engine.api.codec import encode
from engine.api.kubarium import Hypothesis, HypothesisResult
from engine.api.meta import ApiObject
from engine.api.quantity import parse_millis
from engine.api.selectors import matches
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.faults.fault import FaultError

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@attrs.define
class Watched:
    """One hypothesis and since when it has failed; None while it holds."""

    hypothesis: Hypothesis
    failing_since: float | None = None

    def look(self, client: Client, now: float) -> HypothesisResult:
        """How it stands now. An API server that does not answer says nothing either way."""
        try:
            result = check(self.hypothesis, client)
        except FaultError:
            raise
        except ApiError as error:
            return HypothesisResult(title=title_of(self.hypothesis), holds=True, found=str(error))
        if result.holds:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = now
        return result

    def is_broken(self, now: float) -> bool:
        """Whether it has failed for longer than it may."""
        since = self.failing_since
        return since is not None and now - since >= self.hypothesis.tolerance_seconds


def check(hypothesis: Hypothesis, client: Client) -> HypothesisResult:
    """How *hypothesis* stands.

    Raises:
        FaultError: its kind is not served.
        ApiError: the API server does not answer.
    """
    scheme = client.server.scheme
    cls = scheme.class_for(hypothesis.api_version, hypothesis.kind)
    if cls is None:
        known = f"{hypothesis.api_version} {hypothesis.kind}"
        raise FaultError(f"steadyState: {known} is not a kind of this cluster")
    resource = scheme.resource_of(cls)
    namespace = (hypothesis.namespace or "default") if resource.namespaced else ""
    if hypothesis.name:
        return _of_object(hypothesis, client, resource.cls, namespace)
    found = client.list(resource.cls, namespace=namespace if namespace != "*" else None).items
    chosen = [
        obj
        for obj in found
        if (hypothesis.selector is None or matches(hypothesis.selector, obj.metadata.labels))
        and (not hypothesis.condition or _has_condition(obj, hypothesis.condition))
    ]
    wanted = hypothesis.value if hypothesis.value is not None else 1
    return _result(hypothesis, len(chosen), wanted)


def title_of(hypothesis: Hypothesis) -> str:
    """The hypothesis in a few words."""
    if hypothesis.title:
        return hypothesis.title
    what = hypothesis.path or hypothesis.condition or "count"
    name = f"{hypothesis.kind}/{hypothesis.name}" if hypothesis.name else hypothesis.kind
    return f"{name} {what} {hypothesis.operator} {hypothesis.value}"


def _of_object(
    hypothesis: Hypothesis, client: Client, cls: type[ApiObject], namespace: str
) -> HypothesisResult:
    try:
        obj = client.get(cls, hypothesis.name, namespace=namespace)
    except NotFoundError as error:
        return HypothesisResult(title=title_of(hypothesis), holds=False, found=str(error))
    if hypothesis.condition:
        holds = _has_condition(obj, hypothesis.condition)
        words = f"{hypothesis.condition} is {holds}"
        return HypothesisResult(title=title_of(hypothesis), holds=holds, found=words)
    value: Any = encode(obj)
    for part in hypothesis.path.strip(".").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return _result(hypothesis, value, hypothesis.value)


def _result(hypothesis: Hypothesis, found: Any, wanted: Any) -> HypothesisResult:
    left, right = found, wanted
    if isinstance(wanted, int | float) and found is None:
        left = 0  # a count that is zero is left away on the wire
    elif isinstance(found, str) and isinstance(wanted, int | float):
        left, right = _number(found), float(wanted) * 1000
    try:
        holds = bool(_COMPARE[hypothesis.operator](left, right))
    except TypeError:
        holds = False
    return HypothesisResult(title=title_of(hypothesis), holds=holds, found=str(found))


def _number(text: str) -> float:
    try:
        return float(parse_millis(text))
    except ValueError:
        return float("nan")


def _has_condition(obj: ApiObject, type_: str) -> bool:
    status = getattr(obj, "status", None)
    conditions = getattr(status, "conditions", ())
    return any(found.type == type_ and found.status == "True" for found in conditions)
