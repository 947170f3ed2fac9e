"""How many pods a budget lets go."""

import attrs
import pytest

from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, LabelSelector, ObjectMeta
from engine.api.pod import Pod, PodStatus
from engine.api.policy import (
    PodDisruptionBudget,
    PodDisruptionBudgetSpec,
    PodDisruptionBudgetStatus,
)
from engine.api.wire import IntOrString, Time
from engine.controllers.disruption import budget_status, expected
from tests.engine.plant import Plant, deployment


def _pod(number: int, *, ready: bool = True, going: bool = False) -> Pod:
    condition = Condition(type="Ready", status="True" if ready else "False")
    return Pod(
        metadata=ObjectMeta(name=f"p{number}", deletion_timestamp=Time(1.0) if going else None),
        status=PodStatus(phase="Running", conditions=(condition,)),
    )


def _budget(**spec: IntOrString) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name="b", generation=1),
        spec=PodDisruptionBudgetSpec(**spec),  # type: ignore[arg-type]  # fields of the spec
    )


@pytest.mark.parametrize(
    ("spec", "pods", "wanted", "allowed"),
    [
        pytest.param({"min_available": 2}, 3, 3, 1, id="a-number-must-stay"),
        pytest.param({"min_available": "50%"}, 3, 3, 1, id="half-rounded-up-must-stay"),
        pytest.param({"min_available": "100%"}, 3, 3, 0, id="all-must-stay"),
        pytest.param({"max_unavailable": 1}, 3, 3, 1, id="one-may-go"),
        pytest.param({"max_unavailable": 1}, 2, 3, 0, id="one-is-gone-already"),
        pytest.param({"max_unavailable": "30%"}, 7, 7, 3, id="percent-rounded-up-may-go"),
        pytest.param({"max_unavailable": 5}, 3, 3, 3, id="more-than-there-are"),
        pytest.param({"min_available": 1}, 0, 3, 0, id="no-pods"),
    ],
)
def test_budgets_allow_what_is_left_over(
    spec: dict[str, IntOrString], pods: int, wanted: int, allowed: int
) -> None:
    """Healthy pods beyond those that must stay."""
    budget = _budget(**spec)
    found = [_pod(number) for number in range(pods)]

    status = budget_status(budget, found, expected(budget, found, {"owner": wanted}), now=5.0)

    assert status.disruptions_allowed == allowed


def test_pods_that_go_or_are_not_ready_are_not_healthy() -> None:
    """They count against the budget."""
    budget = _budget(min_available=1)
    pods = [_pod(1), _pod(2, ready=False), _pod(3, going=True)]

    status = budget_status(budget, pods, expected(budget, pods, {}), now=5.0)

    assert (status.current_healthy, status.disruptions_allowed) == (1, 0)
    assert status.conditions[0].reason == "InsufficientPods"


def test_an_evicted_pod_counts_as_gone_until_it_is_or_time_is_up() -> None:
    """Between an eviction and its effect no second one may slip through."""
    budget = attrs.evolve(
        _budget(min_available=1),
        status=PodDisruptionBudgetStatus(disrupted_pods=FrozenDict({"p1": Time(100.0)})),
    )
    pods = [_pod(1), _pod(2)]
    wanted = expected(budget, pods, {})

    soon = budget_status(budget, pods, wanted, now=110.0)
    later = budget_status(budget, pods, wanted, now=230.0)

    assert (soon.disruptions_allowed, dict(soon.disrupted_pods)) == (0, {"p1": 100.0})
    assert (later.disruptions_allowed, dict(later.disrupted_pods)) == (1, {})


def test_the_status_follows_the_pods() -> None:
    """On a real API server: three ready pods, one may go."""
    plant = Plant()
    plant.add_node("n0")
    plant.apply(**deployment(replicas=3))
    plant.client.create(
        PodDisruptionBudget(
            metadata=ObjectMeta(name="web", namespace="default"),
            spec=PodDisruptionBudgetSpec(
                max_unavailable=1,
                selector=LabelSelector(match_labels=FrozenDict({"app": "web"})),
            ),
        )
    )
    plant.run(10.0)

    status = plant.get(PodDisruptionBudget, "web").status

    assert (status.expected_pods, status.current_healthy, status.disruptions_allowed) == (3, 3, 1)
