"""Which pods go first."""

import attrs
import pytest

from engine.api.container import ContainerStatus
from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, ObjectMeta
from engine.api.pod import Pod, PodSpec, PodStatus
from engine.api.wire import Time
from engine.controllers.pod_ranking import DELETION_COST, pods_to_delete

NOW = 10_000.0


def _pod(
    name: str,
    *,
    node: str = "n",
    phase: str = "Running",
    ready_for: float | None = 1000.0,
    age: float = 2000.0,
    restarts: int = 0,
    cost: str = "",
) -> Pod:
    ready = (
        ()
        if ready_for is None
        else (Condition(type="Ready", status="True", last_transition_time=Time(NOW - ready_for)),)
    )
    return Pod(
        metadata=ObjectMeta(
            name=name,
            namespace="default",
            uid=name,
            creation_timestamp=Time(NOW - age),
            annotations=FrozenDict({DELETION_COST: cost} if cost else {}),
        ),
        spec=PodSpec(node_name=node),
        status=PodStatus(
            phase=phase,
            conditions=ready,
            container_statuses=(ContainerStatus(name="c", restart_count=restarts),),
        ),
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"node": ""}, {}, id="unassigned-before-assigned"),
        pytest.param({"phase": "Pending"}, {"phase": "Running"}, id="pending-before-running"),
        pytest.param({"ready_for": None}, {}, id="not-ready-before-ready"),
        pytest.param({"cost": "-5"}, {"cost": "5"}, id="cheap-before-dear"),
        pytest.param({"ready_for": None, "cost": "9"}, {"cost": "5"}, id="readiness-first"),
        pytest.param({"ready_for": 10.0}, {"ready_for": 1000.0}, id="ready-for-less-time"),
        pytest.param({"restarts": 5}, {"restarts": 1}, id="restarted-more"),
        pytest.param(
            {"age": 10.0, "ready_for": 5.0}, {"age": 5000.0, "ready_for": 5.0}, id="younger"
        ),
    ],
)
def test_the_pod_that_is_missed_less_goes_first(
    first: dict[str, str], second: dict[str, str]
) -> None:
    """One criterion after the other, in Kubernetes' order."""
    goes, stays = _pod("goes", **first), _pod("a-stays", **second)  # type: ignore[arg-type]  # a table row

    assert pods_to_delete([stays, goes], [], 1, now=NOW) == (goes,)


def test_pods_on_crowded_nodes_go_first() -> None:
    """Related pods on the same node make a pod dispensable."""
    lonely, crowded = _pod("a", node="n1"), _pod("b", node="n2")
    related = [lonely, crowded, _pod("c", node="n2")]

    assert pods_to_delete([lonely, crowded], related, 1, now=NOW) == (crowded,)


def test_small_differences_of_time_do_not_count() -> None:
    """Times of the same magnitude are equal, so that the choice is spread."""
    young, old = _pod("b", ready_for=5.0, age=300.0), _pod("a", ready_for=6.0, age=310.0)

    assert pods_to_delete([young, old], [], 1, now=NOW) == (old,)


def test_all_pods_go_when_all_must() -> None:
    """No ranking is needed."""
    pods = [_pod("a"), _pod("b")]

    assert pods_to_delete(pods, [], 2, now=NOW) == tuple(pods)
    assert pods_to_delete(pods, [], 0, now=NOW) == ()


def test_a_cost_that_is_no_number_counts_as_zero() -> None:
    """A typo in an annotation does not stop the controller."""
    typo, dear = _pod("b", cost="many"), _pod("a", cost="1")

    assert pods_to_delete([dear, attrs.evolve(typo)], [], 1, now=NOW)[0].metadata.name == "b"
