"""Vectors, reuse and updates give what judging every node anew would give."""

import random

import numpy as np
import pytest

from engine.scheduler.decision import count_reasons
from tests.engine.scheduler.objects import a_node, a_pod, a_profile, a_table, an_evaluation


@pytest.mark.parametrize("seed", range(10))
def test_a_reused_result_equals_a_fresh_one(seed: int) -> None:
    """Whatever happens to nodes and pods between two pods of a template."""
    chance = random.Random(seed)
    table = a_table(
        *(
            a_node(f"n{i}", cpu=str(chance.randint(1, 4)), labels={"zone": f"z{i % 3}"})
            for i in range(20)
        )
    )
    info = a_pod(cpu="500m", memory="512Mi", owner="rs", nodeSelector={"zone": "z1"})
    kept = an_evaluation(info, table)

    for step in range(60):
        kept.refresh()
        fresh = an_evaluation(info, table)
        fresh.refresh()
        assert kept.rank().rows.tolist() == fresh.rank().rows.tolist()
        assert kept.rank().totals.tolist() == fresh.rank().totals.tolist()
        name = f"n{chance.randint(0, 21)}"
        action = chance.randint(0, 4)
        if action <= 1:
            owner = "rs" if action else ""
            table.place(a_pod(f"p{step}", cpu="300m", owner=owner), name)
        elif action == 2:
            table.displace(f"default/p{chance.randint(0, step)}")
        elif action == 3:
            table.put_node(a_node(name, cpu="2", labels={"zone": f"z{chance.randint(0, 2)}"}))
        else:
            table.remove_node(name)


@pytest.mark.parametrize("seed", range(10))
def test_filters_judge_many_nodes_as_they_judge_each(seed: int) -> None:
    """A row's verdict does not depend on which rows are asked about together."""
    chance = random.Random(seed)
    taint = {"key": "a", "effect": "NoSchedule"}
    table = a_table(
        *(
            a_node(
                f"n{i}",
                cpu=str(chance.randint(0, 3)),
                taints=[taint] if chance.random() < 0.3 else [],
                cordoned=chance.random() < 0.2,
            )
            for i in range(30)
        )
    )
    info = a_pod(cpu="1")

    for plugin in a_profile().filters:
        if plugin.applies(info) and plugin.IS_LOCAL:
            together = plugin.filter(info, table, np.arange(30)).codes.tolist()
            alone = [int(plugin.filter(info, table, np.array([i])).codes[0]) for i in range(30)]
            assert together == alone


def test_only_the_first_refusal_of_a_node_counts() -> None:
    """A tainted node that is also too small is counted as tainted."""
    taint = {"key": "a", "value": "b", "effect": "NoSchedule"}
    table = a_table(a_node("n0", cpu="1", taints=[taint]), a_node("n1", cpu="1"))
    evaluation = an_evaluation(a_pod(cpu="2"), table)
    evaluation.refresh()

    order = [plugin.NAME for plugin in evaluation.filters]
    reasons, hopeful = count_reasons(order, evaluation.codes, evaluation.verdicts, table.exists)

    assert reasons == {"node(s) had untolerated taint {a: b}": 1, "Insufficient cpu": 1}
    assert not hopeful.any()


def test_the_emptiest_node_is_best() -> None:
    """LeastAllocated prefers free room."""
    table = a_table(a_node("full"), a_node("empty"))
    table.place(a_pod("other", cpu="3", memory="6Gi"), "full")
    evaluation = an_evaluation(a_pod(cpu="500m", memory="1Gi"), table)
    evaluation.refresh()

    assert evaluation.rank().best().tolist() == [1]


def test_pods_of_one_owner_are_spread() -> None:
    """Between equally free nodes the one without a sibling wins."""
    table = a_table(a_node("n0"), a_node("n1"))
    table.place(a_pod("sibling", owner="rs"), "n0")
    table.place(a_pod("stranger"), "n1")
    evaluation = an_evaluation(a_pod("next", owner="rs"), table)
    evaluation.refresh()

    assert evaluation.rank().best().tolist() == [1]


def test_soft_taints_make_a_node_worse() -> None:
    """It is taken when there is no other."""
    soft = {"key": "a", "effect": "PreferNoSchedule"}
    table = a_table(a_node("soft", taints=[soft]), a_node("clean"))
    evaluation = an_evaluation(a_pod(), table)
    evaluation.refresh()

    assert evaluation.rank().best().tolist() == [1]
    assert evaluation.rank().rows.tolist() == [0, 1]
