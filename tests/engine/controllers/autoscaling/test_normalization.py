"""What becomes of a wish: bounds, rates, windows; the documented examples of behavior.

Sources: kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale, "Configurable scaling
behavior"; KEP-853; horizontal_test.go, kubernetes v1.34.
"""

import pytest

from engine.api.autoscaling_v2 import (
    HorizontalPodAutoscalerBehavior,
    HPAScalingPolicy,
    HPAScalingRules,
)
from engine.controllers.autoscaling.normalization import (
    Past,
    Stamped,
    normalize,
    remembered,
    scale_down_limit,
    scale_up_limit,
)

NOW = 1000.0


def rules(*policies: tuple[str, int, int], window: int = 0, select: str = "Max") -> HPAScalingRules:
    """Rules from (type, value, seconds)."""
    return HPAScalingRules(
        stabilization_window_seconds=window,
        select_policy=select,
        policies=tuple(
            HPAScalingPolicy(type=type_, value=value, period_seconds=period)
            for type_, value, period in policies
        ),
    )


FREE = HorizontalPodAutoscalerBehavior(
    scale_up=rules(("Percent", 100, 15), ("Pods", 4, 15)),
    scale_down=rules(("Percent", 100, 15), window=300),
)


@pytest.mark.parametrize(
    ("wish", "current", "expected", "reason"),
    [
        pytest.param(3, 3, 3, "DesiredWithinRange", id="as it is"),
        pytest.param(20, 3, 6, "ScaleUpLimit", id="twice as many at most"),
        pytest.param(20, 1, 4, "ScaleUpLimit", id="or four"),
        pytest.param(20, 8, 10, "TooManyReplicas", id="the most"),
        pytest.param(1, 5, 2, "TooFewReplicas", id="the fewest"),
    ],
)
def test_without_a_behavior(wish: int, current: int, expected: int, reason: str) -> None:
    """Between 2 and 10 replicas, growing to twice as many (or four) at a time."""
    found = normalize(wish, current=current, least=2, most=10, behavior=None, past=Past(), now=NOW)

    assert (found.replicas, found.limited[0]) == (expected, reason)
    assert found.is_limited == (reason != "DesiredWithinRange")


def test_shrinking_waits_five_minutes() -> None:
    """The highest wish of the last five minutes counts."""
    past = Past(wishes=(Stamped(9, NOW - 301), Stamped(5, NOW - 200), Stamped(4, NOW - 10)))

    found = normalize(2, current=5, least=1, most=10, behavior=None, past=past, now=NOW)

    assert (found.replicas, found.able[0]) == (5, "ScaleDownStabilized")


def test_a_window_for_growing() -> None:
    """The lowest wish of the window for growing counts."""
    behavior = HorizontalPodAutoscalerBehavior(
        scale_up=rules(("Percent", 1000, 15), window=60), scale_down=FREE.scale_down
    )
    past = Past(wishes=(Stamped(4, NOW - 50), Stamped(8, NOW - 20)))

    found = normalize(10, current=3, least=1, most=20, behavior=behavior, past=past, now=NOW)

    assert (found.replicas, found.able[0]) == (4, "ScaleUpStabilized")


@pytest.mark.parametrize(
    ("given", "current", "expected"),
    [
        pytest.param(
            rules(("Pods", 4, 60), ("Percent", 10, 60)), 80, 72, id="documented: 80 to 72"
        ),
        pytest.param(
            rules(("Pods", 4, 60), ("Percent", 10, 60)), 72, 64, id="documented: 72 to 64"
        ),
        pytest.param(rules(("Pods", 4, 60), ("Percent", 10, 60)), 40, 36, id="documented: by pods"),
        pytest.param(
            rules(("Pods", 5, 60), ("Percent", 10, 60), select="Min"), 40, 36, id="the smaller step"
        ),
        pytest.param(rules(("Percent", 10, 60), select="Disabled"), 40, 40, id="never"),
        pytest.param(rules(("Percent", 100, 15)), 40, 0, id="all at once"),
    ],
)
def test_how_far_policies_let_shrink(given: HPAScalingRules, current: int, expected: int) -> None:
    """The documented example: at most 4 pods or 10 %, whichever is more."""
    assert scale_down_limit(current, given, Past(), now=NOW) == expected


@pytest.mark.parametrize(
    ("given", "current", "expected"),
    [
        pytest.param(rules(("Percent", 100, 15), ("Pods", 4, 15)), 1, 5, id="default: by pods"),
        pytest.param(rules(("Percent", 100, 15), ("Pods", 4, 15)), 10, 20, id="default: doubled"),
        pytest.param(
            rules(("Percent", 100, 15), ("Pods", 4, 15), select="Min"), 10, 14, id="the smaller"
        ),
        pytest.param(rules(("Percent", 900, 60)), 1, 10, id="KEP: 1, 10, 100"),
        pytest.param(rules(("Pods", 1, 600)), 5, 6, id="KEP: one at a time"),
    ],
)
def test_how_far_policies_let_grow(given: HPAScalingRules, current: int, expected: int) -> None:
    """The documented defaults and the stories of the proposal."""
    assert scale_up_limit(current, given, Past(), now=NOW) == expected


def test_steps_of_the_period_count() -> None:
    """What was added within the period is spent, and what was taken away is given back."""
    given = rules(("Pods", 4, 60))

    assert scale_up_limit(7, given, Past(ups=(Stamped(3, NOW - 30),)), now=NOW) == 8
    assert scale_up_limit(7, given, Past(ups=(Stamped(3, NOW - 61),)), now=NOW) == 11
    assert scale_up_limit(7, given, Past(downs=(Stamped(2, NOW - 5),)), now=NOW) == 13


def test_a_slow_behavior_says_that_it_is_slow() -> None:
    """ScalingLimited tells which rate was in the way."""
    slow = HorizontalPodAutoscalerBehavior(
        scale_up=rules(("Pods", 1, 60)), scale_down=rules(("Pods", 1, 60))
    )

    up = normalize(9, current=5, least=1, most=10, behavior=slow, past=Past(), now=NOW)
    down = normalize(1, current=5, least=1, most=10, behavior=slow, past=Past(), now=NOW)

    assert (up.replicas, up.limited[0]) == (6, "ScaleUpLimit")
    assert (down.replicas, down.limited[0]) == (4, "ScaleDownLimit")


def test_what_no_window_reaches_is_forgotten() -> None:
    """Memory of an autoscaler is bounded by its windows and periods."""
    past = Past()
    for second in range(0, 4000, 15):
        past = remembered(
            past, behavior=FREE, now=float(second), wish=second, scaled=(1, 2) if second else None
        )

    assert len(past.wishes) <= 21
    assert len(past.ups) <= 2
