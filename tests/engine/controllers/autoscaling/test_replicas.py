"""How many replicas a metric asks for: the documented algorithm and its worked examples.

Sources: kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale, "Algorithm details";
cases of replica_calculator_test.go, kubernetes v1.34.
"""

import attrs
import pytest

from engine.api.meta import Condition
from engine.api.pod import Pod, PodStatus
from engine.api.wire import Time
from engine.controllers.autoscaling.replicas import (
    MetricError,
    PodValue,
    Tolerances,
    per_pod_replicas,
    plain_replicas,
    ratio_replicas,
    utilization_replicas,
)
from tests.builders import make_pod

NOW = 10_000.0
OLD = NOW - 1000
TENTH = Tolerances()


def make(
    name: str,
    *,
    phase: str = "Running",
    ready: str = "True",
    started: float = OLD,
    changed: float = OLD + 5,
    is_going: bool = False,
) -> Pod:
    """A pod that has long been ready, unless told otherwise."""
    pod = make_pod(name)
    status = PodStatus(
        phase=phase,
        start_time=Time(started),
        conditions=(Condition(type="Ready", status=ready, last_transition_time=Time(changed)),),
    )
    metadata = pod.metadata
    if is_going:
        metadata = attrs.evolve(metadata, deletion_timestamp=Time(NOW))
    return attrs.evolve(pod, metadata=metadata, status=status)


def utilization(
    pods: list[Pod],
    used: list[int | None],
    *,
    requests: int = 1000,
    target: int = 100,
    is_cpu: bool = True,
    tolerances: Tolerances = TENTH,
    current: int | None = None,
) -> tuple[int, int | None]:
    """Replicas and percent when the pods use *used* thousandths; None for no figures."""
    values = {
        pod.metadata.name: PodValue(value, NOW - 5, 15.0)
        for pod, value in zip(pods, used, strict=True)
        if value is not None
    }
    found = utilization_replicas(
        pods,
        values,
        {pod.metadata.name: requests for pod in pods},
        current=len(pods) if current is None else current,
        target=target,
        tolerances=tolerances,
        is_cpu=is_cpu,
        now=NOW,
    )
    return found.replicas, found.percent


def plain_pods(count: int) -> list[Pod]:
    """So many pods that have long been ready."""
    return [make(f"p{number}") for number in range(count)]


@pytest.mark.parametrize(
    ("used", "target", "expected"),
    [
        pytest.param([200], 100, 2, id="documented: 200m against 100m doubles"),
        pytest.param([50, 50], 100, 1, id="documented: 50m against 100m halves"),
        pytest.param([105], 100, 1, id="documented: a ratio within 0.1 of 1 changes nothing"),
        pytest.param([300, 500, 700], 30, 5, id="original: scale up to 5"),
        pytest.param([100, 300, 500, 250, 250], 50, 3, id="original: scale down to 3"),
        pytest.param([1010, 1030, 1020], 100, 3, id="original: within the tolerance"),
        pytest.param([0, 0, 0], 50, 0, id="nothing is used"),
    ],
)
def test_replicas_follow_the_ratio(used: list[int], target: int, expected: int) -> None:
    """ceil(current * use / target), unless the ratio is near 1."""
    requests = 100 if max(used) <= 200 and target == 100 and len(used) < 3 else 1000

    replicas, _ = utilization(plain_pods(len(used)), list(used), requests=requests, target=target)

    assert replicas == expected


def test_missing_figures_count_as_nothing_when_growing() -> None:
    """Of three pods one is not measured: the two others cannot make four out of it."""
    replicas, percent = utilization(plain_pods(3), [600, 600, None], target=30, requests=1000)

    # (600 + 600 + 0) / 3000 = 40 %; 40 / 30 * 3 = 4
    assert (replicas, percent) == (4, 60)


def test_missing_figures_count_as_all_when_shrinking() -> None:
    """A pod that is not measured is taken to use all it asked for."""
    replicas, _ = utilization(plain_pods(4), [100, 100, 100, None], target=50, requests=1000)

    # (100 * 3 + 1000) / 4000 = 32 %; 32 / 50 * 4 = 2.56
    assert replicas == 3


def test_missing_figures_never_change_the_direction() -> None:
    """If being careful turns growing into shrinking, nothing is done."""
    replicas, _ = utilization(plain_pods(3), [450, None, None], target=40, requests=1000)

    assert replicas == 3


def test_unready_pods_dampen_growth() -> None:
    """Pods that are not yet ready count as using nothing."""
    young = make("p2", ready="False", started=NOW - 20, changed=NOW - 20)

    replicas, _ = utilization([*plain_pods(2), young], [900, 900, 900], target=50, requests=1000)

    # (900 + 900 + 0) / 3000 = 60 %; 60 / 50 * 3 = 3.6
    assert replicas == 4


def test_unready_pods_do_not_count_when_shrinking() -> None:
    """Only ready pods are counted when the others have nothing to say."""
    young = make("p2", ready="False", started=NOW - 20, changed=NOW - 20)

    replicas, _ = utilization([*plain_pods(2), young], [250, 250, 900], target=50, requests=1000)

    assert replicas == 1


@pytest.mark.parametrize(
    ("pod", "counts"),
    [
        pytest.param(
            make("p0", started=NOW - 100, changed=NOW - 60), True, id="ready for a window"
        ),
        pytest.param(
            make("p0", started=NOW - 100, changed=NOW - 6), False, id="ready a moment ago"
        ),
        pytest.param(
            make("p0", ready="False", started=NOW - 400, changed=NOW - 390),
            False,
            id="never was ready",
        ),
        pytest.param(
            make("p0", ready="False", started=NOW - 400, changed=NOW - 100),
            True,
            id="was ready once",
        ),
        pytest.param(make("p0", phase="Pending"), False, id="pending"),
        pytest.param(make("p0", phase="Failed"), False, id="failed"),
        pytest.param(make("p0", is_going=True), False, id="being deleted"),
    ],
)
def test_whose_cpu_counts(pod: Pod, *, counts: bool) -> None:
    """CPU counts after the first readiness, and a window later at the start."""
    if counts:
        assert utilization([pod], [500], target=50, requests=1000) == (1, 50)
    else:
        with pytest.raises(MetricError, match="pods might be unready"):
            utilization([pod], [500], target=50, requests=1000)


def test_memory_counts_at_once() -> None:
    """Readiness matters to CPU alone."""
    young = make("p0", ready="False", started=NOW - 5, changed=NOW - 5)

    assert utilization([young], [1000], target=50, is_cpu=False) == (2, 100)


def test_no_pods_is_an_error() -> None:
    """Without pods nothing can be said."""
    with pytest.raises(MetricError, match="no pods returned by selector"):
        utilization([], [])


def test_requests_must_be_known() -> None:
    """Percent of nothing is no number."""
    with pytest.raises(MetricError, match="no metrics returned matched known pods"):
        utilization(plain_pods(1), [100], requests=0)


@pytest.mark.parametrize(
    ("used", "tolerances", "expected"),
    [
        pytest.param(1150, Tolerances(), 4, id="beyond the usual one"),
        pytest.param(1150, Tolerances(up=0.2), 3, id="a wider one for growing"),
        pytest.param(1040, Tolerances(up=0.0), 4, id="none for growing"),
        pytest.param(600, Tolerances(down=0.5), 3, id="a wider one for shrinking"),
    ],
)
def test_tolerance_is_one_for_each_direction(
    used: int, tolerances: Tolerances, expected: int
) -> None:
    """behavior.scaleUp.tolerance and behavior.scaleDown.tolerance replace 0.1."""
    replicas, _ = utilization(plain_pods(3), [used] * 3, tolerances=tolerances)

    assert replicas == expected


def test_plain_values_are_averaged() -> None:
    """A Pods metric: 20, 10 and 30 requests a second against 15."""
    pods = plain_pods(3)
    values = {
        pod.metadata.name: PodValue(value * 1000, NOW)
        for pod, value in zip(pods, (20, 10, 30), strict=True)
    }

    found = plain_replicas(
        pods, values, current=3, target=15_000, tolerances=Tolerances(), is_cpu=False, now=NOW
    )

    assert (found.replicas, found.mean) == (4, 20_000)


@pytest.mark.parametrize(
    ("usage", "target", "current", "expected"),
    [
        pytest.param(20_000, 15_000, 3, 4, id="grows with the ratio"),
        pytest.param(16_000, 15_000, 3, 3, id="within the tolerance"),
        pytest.param(30_000, 10_000, 0, 3, id="from zero"),
        pytest.param(8_600, 15_000, 5, 3, id="shrinks"),
    ],
)
def test_one_value_against_a_target(usage: int, target: int, current: int, expected: int) -> None:
    """Object and external metrics with a Value."""
    found = ratio_replicas(
        plain_pods(current), current=current, usage=usage, target=target, tolerances=Tolerances()
    )

    assert found == expected


def test_a_value_shared_among_pods() -> None:
    """Object and external metrics with an AverageValue: 8600 in all, 2867 for each of three."""
    assert per_pod_replicas(
        current=3, usage=8_600_000, target=2_150_000, tolerances=Tolerances()
    ) == (4, 2_866_667)
