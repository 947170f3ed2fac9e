"""Soaks: nothing breaks, what is planted is found, and what is found is made small."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.apiserver.strategies import service as service_strategy
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.controllers import endpoint_slices
from engine.controllers.deployment import rolling
from engine.controllers.garbage_collector import GarbageCollector
from engine.scenario.loader import load_scenario
from engine.scenario.soak.file import scenario_text
from engine.scenario.soak.plan import Action, make_plan
from engine.scenario.soak.run import run_plan, shrink
from engine.scheduler.plugins.node_resources_fit import NodeResourcesFit
from engine.store.watch_hub import WatchHub
from tests.simulation.test_scenarios import play

SEEDS = 200
Plant = Callable[[pytest.MonkeyPatch], None]


def test_seeds_hold_every_invariant() -> None:
    """A few of the thousand that a longer soak runs."""
    for seed in range(1, 4):
        outcome = run_plan(make_plan(seed, nodes=10, seconds=60.0), seed=seed)

        assert outcome.is_good, f"seed {seed}: {outcome.violation or outcome.error}"
        assert outcome.seconds >= 60.0


def test_a_seed_is_always_the_same_run() -> None:
    """The same plan, and the same history."""
    plan = make_plan(5, nodes=4, seconds=30.0)

    first = run_plan(plan, seed=5, nodes=4, seconds=30.0)
    second = run_plan(make_plan(5, nodes=4, seconds=30.0), seed=5, nodes=4, seconds=30.0)

    assert first == second


def too_much_surge(patch: pytest.MonkeyPatch) -> None:
    """A rollout makes two pods too many."""
    real = rolling.max_surge
    patch.setattr(rolling, "max_surge", lambda deployment: real(deployment) + 2)


def nodes_are_endless(patch: pytest.MonkeyPatch) -> None:
    """The scheduler does not look at resources."""
    real = NodeResourcesFit.filter

    def fits(self: NodeResourcesFit, info: Any, table: Any, rows: Any) -> Any:
        verdict = real(self, info, table, rows)
        return attrs.evolve(verdict, codes=verdict.codes * 0)

    patch.setattr(NodeResourcesFit, "filter", fits)


def everybody_is_ready(patch: pytest.MonkeyPatch) -> None:
    """Endpoints are ready whatever their pods say."""
    patch.setattr(endpoint_slices, "is_ready", lambda _pod: True)


def a_change_is_lost(patch: pytest.MonkeyPatch) -> None:
    """Every 97th batch is not delivered."""
    real, count = WatchHub._deliver, [0]

    def deliver(self: Any, watcher: Any, batch: Any) -> None:
        count[0] += 1
        if count[0] % 97:
            real(self, watcher, batch)

    patch.setattr(WatchHub, "_deliver", deliver)


def orphans_stay(patch: pytest.MonkeyPatch) -> None:
    """The collector deletes nothing."""
    patch.setattr(GarbageCollector, "_delete", lambda *_arguments: None)


def one_address_for_all(patch: pytest.MonkeyPatch) -> None:
    """The allocator forgets what it gave."""
    patch.setattr(service_strategy, "allocate_cluster_ip", lambda *_arguments: "10.96.0.77")


PLANTED: list[tuple[str, Plant]] = [
    ("rollout-bounds", too_much_surge),
    ("node-not-overcommitted", nodes_are_endless),
    ("endpoints-ready", everybody_is_ready),
    ("watch-ordered", a_change_is_lost),
    ("no-orphans", orphans_stay),
    ("addresses-unique", one_address_for_all),
]


@pytest.mark.parametrize(("invariant", "plant"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_planted_bug_is_found(
    monkeypatch: pytest.MonkeyPatch, invariant: str, plant: Plant
) -> None:
    """Within two hundred seeds, with the revision and what it is about."""
    plant(monkeypatch)

    for seed in range(1, SEEDS + 1):
        outcome = run_plan(make_plan(seed, nodes=3, seconds=60.0), seed=seed, nodes=3)
        if not outcome.is_good:
            break

    assert outcome.violation is not None, outcome.error
    assert outcome.violation.invariant == invariant
    assert outcome.violation.revision > 0
    assert outcome.violation.objects


def test_what_fails_is_made_small() -> None:
    """As few actions as still fail, in their order."""
    plan = tuple(Action(at=float(number), do="scale", replicas=number) for number in range(20))

    def fails(part: Any) -> bool:
        return {3, 14} <= {action.replicas for action in part}

    small = shrink(plan, fails)

    assert [action.replicas for action in small] == [3, 14]


def test_a_plan_is_written_as_a_scenario(tmp_path: Path) -> None:
    """That the loader reads, with all its steps."""
    plan = make_plan(7, nodes=5, seconds=60.0)
    outcome = run_plan(plan[:2], seed=7, nodes=5, seconds=10.0)
    path = tmp_path / "soak.toml"

    path.write_text(scenario_text(plan, outcome, nodes=5))

    assert len(load_scenario(path).step) == len(plan) + 1


def test_what_was_made_small_breaks_the_same_when_it_is_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The file requires the invariant, and playing it fails by that."""
    too_much_surge(monkeypatch)
    seed, plan = 0, make_plan(0, nodes=3, seconds=60.0)
    outcome = run_plan(plan, seed=seed, nodes=3)
    while outcome.is_good:
        seed += 1
        plan = make_plan(seed, nodes=3, seconds=60.0)
        outcome = run_plan(plan, seed=seed, nodes=3)

    def fails(part: Any) -> bool:
        return run_plan(part, seed=seed, nodes=3).kind == outcome.kind

    small = shrink(plan, fails, tries=40)
    text = scenario_text(small, run_plan(small, seed=seed, nodes=3), nodes=3)
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(3), seed=seed))
    cluster.start()

    player = play(cluster, text, seconds=1000.0)

    assert len(small) < len(plan)
    assert player.is_done
    assert "invariant rollout-bounds was broken" in player.message
    cluster.stop()
