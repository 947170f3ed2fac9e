"""Rollouts: bounds and state as Kubernetes reckons them, and bars that add up."""

import attrs
import pytest

from engine.api.apps import DeploymentStrategy, RollingUpdateDeployment
from tests.tui.fixtures import make_deployment, make_replica_set
from tui.render.rollouts import bounds, legend, rollout_bar, rollout_state, segments
from tui.render.text import plain, width

WEB = make_deployment("web", image="demo:v2", replicas=4, updated=2, ready=4)
OLD = make_replica_set(WEB, "old", image="demo:v1", revision=1, count=3, ready=3)
NEW = make_replica_set(WEB, "new", image="demo:v2", revision=2, count=2, ready=1)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (4, None, None, (3, 5)),
        (3, None, None, (3, 4)),
        (10, "30%", "30%", (7, 13)),
        (5, 0, 0, (4, 5)),
        (5, 2, 1, (4, 7)),
    ],
    ids=["defaults", "rounding", "percent", "both zero", "numbers"],
)
def test_bounds(
    replicas: int, surge: int | str | None, unavailable: int | str | None, expected: tuple[int, int]
) -> None:
    """Surge rounds up, unavailable rounds down, and not both may be nothing."""
    rolling = RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
    spec = attrs.evolve(
        WEB.spec, replicas=replicas, strategy=DeploymentStrategy(rolling_update=rolling)
    )

    assert bounds(attrs.evolve(WEB, spec=spec)) == expected


def test_a_rollout_under_way_is_told_by_its_sets() -> None:
    """Old first, new last; ready and unready apart."""
    found = [(part.tag, part.ready, part.rest) for part in segments(WEB, [NEW, OLD])]

    assert found == [("v1", 3, 0), ("v2", 1, 1)]
    assert plain(legend(WEB, [OLD, NEW])) == "v1 3 → v2 1+1"
    assert rollout_state(WEB).word == "rolling out"


@pytest.mark.parametrize("cells", [6, 10, 24, 60, 200], ids=str)
def test_the_bar_keeps_to_its_room(cells: int) -> None:
    """However many pods, the bar is no longer than it may be."""
    assert width(rollout_bar(WEB, [OLD, NEW], cells)) <= cells


def test_a_stuck_rollout_is_called_stuck() -> None:
    """The progress deadline shows as a word and a symbol."""
    conditions = tuple(
        attrs.evolve(c, reason="ProgressDeadlineExceeded", status="False")
        if c.type == "Progressing"
        else c
        for c in WEB.status.conditions
    )
    stuck = attrs.evolve(WEB, status=attrs.evolve(WEB.status, conditions=conditions))

    assert rollout_state(stuck)[:2] == ("✖", "stuck")
