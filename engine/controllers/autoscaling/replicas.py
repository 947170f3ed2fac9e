"""How many replicas one metric asks for. Pure: figures in, a number out.

All figures are thousandths (millicores, thousandths of a byte, of a request a second).

Source: replica_calculator.go and metrics/utilization.go of pkg/controller/podautoscaler,
kubernetes v1.34.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil

import attrs

from engine.api.meta import condition_of
from engine.api.pod import Pod
from engine.errors import EngineError

INITIALIZATION_PERIOD = 300.0
"""Seconds after the start of a pod in which its CPU counts only once it is Ready."""
READINESS_DELAY = 30.0
"""Seconds after the start of a pod in which turning unready does not mean it was ever ready."""
DEFAULT_TOLERANCE = 0.1


class MetricError(EngineError):
    """A metric cannot be had, or says nothing about the pods; the message is for users."""


@attrs.frozen
class PodValue:
    """What was measured of one pod: *value* over the *window* seconds before *at*."""

    value: int
    at: float
    window: float = 60.0


@attrs.frozen
class Tolerances:
    """How far the ratio of use to target may be from 1 before anything is done."""

    up: float = DEFAULT_TOLERANCE
    down: float = DEFAULT_TOLERANCE

    def allow(self, ratio: float) -> bool:
        """Whether *ratio* is near enough to 1."""
        return 1.0 - self.down <= ratio <= 1.0 + self.up


@attrs.frozen
class PodGroups:
    """Pods by what may be concluded from them, as names."""

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


@attrs.frozen
class Wanted:
    """The answer: how many *replicas*; use as a *percent* of requests; the mean of a pod."""

    replicas: int
    mean: int
    percent: int | None = None


def group_pods(
    pods: Iterable[Pod], values: Mapping[str, PodValue], *, is_cpu: bool, now: float
) -> PodGroups:
    """Sort out whose figures count.

    Pods that failed or go away are ignored, those that wait are unready. CPU of a pod that begins
    to work says little: within `INITIALIZATION_PERIOD` it counts when the pod is Ready and a whole
    window was measured since; later, unless the pod is unready and never was ready.
    """
    ready = 0
    unready: list[str] = []
    missing: list[str] = []
    ignored: list[str] = []
    for pod in pods:
        name = pod.metadata.name
        if pod.metadata.deletion_timestamp is not None or pod.status.phase == "Failed":
            ignored.append(name)
        elif pod.status.phase == "Pending":
            unready.append(name)
        elif name not in values:
            missing.append(name)
        elif is_cpu and _is_starting(pod, values[name], now):
            unready.append(name)
        else:
            ready += 1
    return PodGroups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _is_starting(pod: Pod, value: PodValue, now: float) -> bool:
    condition = condition_of(pod.status.conditions, "Ready")
    started = pod.status.start_time
    if condition is None or started is None:
        return True
    changed = condition.last_transition_time or 0.0
    is_unready = condition.status == "False"
    if started + INITIALIZATION_PERIOD > now:
        return is_unready or value.at < changed + value.window
    return is_unready and started + READINESS_DELAY > changed


def utilization_replicas(
    pods: Sequence[Pod],
    values: Mapping[str, PodValue],
    requests: Mapping[str, int],
    *,
    current: int,
    target: int,
    tolerances: Tolerances,
    is_cpu: bool,
    now: float,
) -> Wanted:
    """Replicas for a mean use of *target* percent of what the pods request.

    Raises:
        MetricError: there are no pods, or no figures of them.
    """
    groups = _grouped(pods, values, is_cpu=is_cpu, now=now)
    known = _counted(values, groups)
    percent, mean = _utilization(known, requests)
    ratio = percent / target

    def again(filled: Mapping[str, int]) -> float:
        return _utilization(filled, requests)[0] / target

    # Pods that say nothing are taken to use all they asked for, so that nobody shrinks too far.
    fallback = {name: requests.get(name, 0) * max(100, target) // 100 for name in groups.missing}
    replicas = _replicas(known, groups, ratio, fallback, again, current, tolerances)
    return Wanted(replicas, mean, percent)


def plain_replicas(
    pods: Sequence[Pod],
    values: Mapping[str, PodValue],
    *,
    current: int,
    target: int,
    tolerances: Tolerances,
    is_cpu: bool,
    now: float,
) -> Wanted:
    """Replicas for a mean of *target* for each pod.

    Raises:
        MetricError: there are no pods, or no figures of them.
    """
    groups = _grouped(pods, values, is_cpu=is_cpu, now=now)
    known = _counted(values, groups)
    mean = sum(known.values()) // len(known)

    def again(filled: Mapping[str, int]) -> float:
        return sum(filled.values()) // len(filled) / target

    fallback = dict.fromkeys(groups.missing, target)
    replicas = _replicas(known, groups, mean / target, fallback, again, current, tolerances)
    return Wanted(replicas, mean)


def ratio_replicas(
    pods: Iterable[Pod], *, current: int, usage: int, target: int, tolerances: Tolerances
) -> int:
    """Replicas for one value that is to come to *target*: of an object, or from outside."""
    ratio = usage / target
    if current == 0:
        return ceil(ratio)
    if tolerances.allow(ratio):
        return current
    return ceil(ratio * ready_count(pods))


def per_pod_replicas(
    *, current: int, usage: int, target: int, tolerances: Tolerances
) -> tuple[int, int]:
    """Replicas for a value that is to be *target* for each of them; and what each has now."""
    replicas = current
    if current == 0 or not tolerances.allow(usage / (target * current)):
        replicas = ceil(usage / target)
    return replicas, ceil(usage / current) if current else 0


def ready_count(pods: Iterable[Pod]) -> int:
    """How many pods run and are Ready."""
    count = 0
    for pod in pods:
        condition = condition_of(pod.status.conditions, "Ready")
        is_ready = condition is not None and condition.status == "True"
        count += is_ready and pod.status.phase == "Running"
    return count


def _grouped(
    pods: Sequence[Pod], values: Mapping[str, PodValue], *, is_cpu: bool, now: float
) -> PodGroups:
    if not pods:
        raise MetricError("no pods returned by selector while calculating replica count")
    return group_pods(pods, values, is_cpu=is_cpu, now=now)


def _counted(values: Mapping[str, PodValue], groups: PodGroups) -> dict[str, int]:
    known = {
        name: value.value
        for name, value in values.items()
        if name not in groups.ignored and name not in groups.unready
    }
    if not known:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return known


def _utilization(values: Mapping[str, int], requests: Mapping[str, int]) -> tuple[int, int]:
    """Use in percent of requests, and the mean use."""
    both = [(value, requests[name]) for name, value in values.items() if name in requests]
    total = sum(request for _, request in both)
    if not total:
        raise MetricError("no metrics returned matched known pods")
    used = sum(value for value, _ in both)
    return used * 100 // total, used // len(both)


def _replicas(
    known: Mapping[str, int],
    groups: PodGroups,
    ratio: float,
    fallback: Mapping[str, int],
    again: Callable[[Mapping[str, int]], float],
    current: int,
    tolerances: Tolerances,
) -> int:
    """From the ratio of use to target, being careful about pods of which nothing is known."""
    is_growing_unready = bool(groups.unready) and ratio > 1.0
    if not is_growing_unready and not groups.missing:
        return current if tolerances.allow(ratio) else ceil(ratio * groups.ready)
    filled = dict(known)
    if ratio < 1.0:
        filled |= fallback
    elif ratio > 1.0:
        filled |= dict.fromkeys(groups.missing, 0)
    if is_growing_unready:
        filled |= dict.fromkeys(groups.unready, 0)
    careful = again(filled)
    if tolerances.allow(careful) or (ratio < 1.0 < careful) or (careful < 1.0 < ratio):
        return current
    replicas = ceil(careful * len(filled))
    if (careful < 1.0 and replicas > current) or (careful > 1.0 and replicas < current):
        return current
    return replicas
