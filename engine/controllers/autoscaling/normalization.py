"""What becomes of a wish for replicas: stabilized, slowed down, kept within bounds. Pure.

Source: normalizeDesiredReplicas and normalizeDesiredReplicasWithBehaviors of horizontal.go,
pkg/controller/podautoscaler, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable, Sequence
from math import ceil

import attrs

from engine.api.autoscaling_v2 import HorizontalPodAutoscalerBehavior, HPAScalingRules

DOWNSCALE_WINDOW = 300.0
"""Seconds for which the highest wish counts before anything shrinks."""

_WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
_TOO_FAST_UP = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
)
_TOO_FAST_DOWN = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
)
_TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_READY = ("ReadyForNewScale", "recommended size matches current size")
_DOWN_STABILIZED = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",  # noqa: E501
)
_UP_STABILIZED = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)


@attrs.frozen
class Stamped:
    """A number of replicas wished for, or added or taken away, at a time."""

    replicas: int
    at: float


@attrs.frozen
class Past:
    """What an autoscaler remembers of itself."""

    wishes: tuple[Stamped, ...] = ()
    ups: tuple[Stamped, ...] = ()
    downs: tuple[Stamped, ...] = ()


@attrs.frozen
class Normalized:
    """The number to scale to; reason and message of AbleToScale and of ScalingLimited."""

    replicas: int
    able: tuple[str, str]
    limited: tuple[str, str]
    is_limited: bool


def normalize(
    wish: int,
    *,
    current: int,
    least: int,
    most: int,
    behavior: HorizontalPodAutoscalerBehavior | None,
    past: Past,
    now: float,
) -> Normalized:
    """What becomes of *wish* at *current* replicas."""
    if behavior is None:
        stable = max([wish, *_after(past.wishes, now - DOWNSCALE_WINDOW)])
        able = _READY if stable == wish else _DOWN_STABILIZED
        replicas, why = _bounded(current, stable, least=least, most=most)
    else:
        stable = stabilized(wish, current=current, behavior=behavior, past=past, now=now)
        told = _UP_STABILIZED if wish >= current else _DOWN_STABILIZED
        able = _READY if stable == wish else told
        replicas, why = _slowed(
            current, stable, least=least, most=most, behavior=behavior, past=past, now=now
        )
    return Normalized(replicas, able, why, is_limited=replicas != stable)


def stabilized(
    wish: int,
    *,
    current: int,
    behavior: HorizontalPodAutoscalerBehavior,
    past: Past,
    now: float,
) -> int:
    """*wish*, no higher than the lowest and no lower than the highest of the windows."""
    up = min([wish, *_after(past.wishes, now - _window(behavior.scale_up, 0.0))])
    down = max([wish, *_after(past.wishes, now - _window(behavior.scale_down, DOWNSCALE_WINDOW))])
    return min(max(current, up), down)


def scale_up_limit(current: int, rules: HPAScalingRules, past: Past, *, now: float) -> int:
    """The most replicas that the policies allow now."""
    if rules.select_policy == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        start = _at_start(current, past, now - policy.period_seconds)
        if policy.type == "Pods":
            proposals.append(start + policy.value)
        else:
            # In this order, as the original does: the rounding of floats is part of the answer.
            proposals.append(ceil(start * (1 + policy.value / 100)))
    return _select(min if rules.select_policy == "Min" else max, proposals, current)


def scale_down_limit(current: int, rules: HPAScalingRules, past: Past, *, now: float) -> int:
    """The fewest replicas that the policies allow now."""
    if rules.select_policy == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        start = _at_start(current, past, now - policy.period_seconds)
        if policy.type == "Pods":
            proposals.append(start - policy.value)
        else:
            proposals.append(int(start * (1 - policy.value / 100)))
    # The smallest change leaves the most.
    return _select(max if rules.select_policy == "Min" else min, proposals, current)


def remembered(
    past: Past,
    *,
    behavior: HorizontalPodAutoscalerBehavior | None,
    now: float,
    wish: int | None = None,
    scaled: tuple[int, int] | None = None,
) -> Past:
    """*past* with a *wish* and with having *scaled* (from, to); what no window reaches is gone."""
    rules = (behavior.scale_up, behavior.scale_down) if behavior is not None else ()
    windows = [DOWNSCALE_WINDOW, *(_window(each, 0.0) for each in rules)]
    periods = [p.period_seconds for each in rules if each is not None for p in each.policies]
    wishes = tuple(w for w in past.wishes if w.at > now - max(windows))
    if wish is not None:
        wishes = (*wishes, Stamped(wish, now))
    oldest = now - max(periods, default=0)
    ups = tuple(one for one in past.ups if one.at > oldest)
    downs = tuple(one for one in past.downs if one.at > oldest)
    if scaled is not None and behavior is not None:
        before, after = scaled
        if after > before:
            ups = (*ups, Stamped(after - before, now))
        else:
            downs = (*downs, Stamped(before - after, now))
    return Past(wishes, ups, downs)


def _bounded(current: int, wish: int, *, least: int, most: int) -> tuple[int, tuple[str, str]]:
    """Without a behavior: at most twice as many, or four, at a time."""
    limit = max(2 * current, 4)
    highest, why = (limit, _TOO_FAST_UP) if most > limit else (most, _TOO_MANY)
    if wish < least:
        return least, _TOO_FEW
    if wish > highest:
        return highest, why
    return wish, _WITHIN


def _slowed(
    current: int,
    wish: int,
    *,
    least: int,
    most: int,
    behavior: HorizontalPodAutoscalerBehavior,
    past: Past,
    now: float,
) -> tuple[int, tuple[str, str]]:
    if wish > current:
        rules = behavior.scale_up or HPAScalingRules()
        limit = max(current, scale_up_limit(current, rules, past, now=now))
        highest, why = (limit, _TOO_FAST_UP) if most > limit else (most, _TOO_MANY)
        if wish > highest:
            return highest, why
    elif wish < current:
        rules = behavior.scale_down or HPAScalingRules()
        limit = min(current, scale_down_limit(current, rules, past, now=now))
        lowest, why = (limit, _TOO_FAST_DOWN) if least < limit else (least, _TOO_FEW)
        if wish < lowest:
            return lowest, why
    return wish, _WITHIN


def _at_start(current: int, past: Past, since: float) -> int:
    """How many there were when the period began."""
    return current - sum(_after(past.ups, since)) + sum(_after(past.downs, since))


def _after(stamped: Iterable[Stamped], since: float) -> list[int]:
    return [one.replicas for one in stamped if one.at > since]


def _window(rules: HPAScalingRules | None, default: float) -> float:
    given = rules.stabilization_window_seconds if rules is not None else None
    return default if given is None else float(given)


def _select(choose: Callable[[Sequence[int]], int], proposals: Sequence[int], current: int) -> int:
    return choose(proposals) if proposals else current
