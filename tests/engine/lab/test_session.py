"""A lab being done: passing, holding, failing, hints, answers, points, reset."""

import pytest

from engine.api.core import ConfigMap
from engine.api.meta import ObjectMeta
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.lab import state as states
from engine.lab.loader import parse_lab
from engine.lab.schema import Lab, LabError
from engine.lab.session import LabSession
from engine.scenario.view import ClusterView

LAB = """
format = "kubarium.lab/1"
id = "maps"
title = "Maps"
[score]
total = 100
pass = 60
wrong_answer = -5
time_bonus = {under = "10m", points = 5}
[[start.step]]
do = "apply"
yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: given}}"
[[task]]
id = "make"
title = "Make it"
text = "Make a ConfigMap mine."
points = 60
check = [{object = "cm/mine", say = "There is no mine."}]
hold = "5s"
fail = [{object = "cm/given", exists = false, say = "You have deleted given."}]
hint = [{text = "kubectl create cm mine", cost = 10}, {text = "later", cost = 5, after = "60s"}]
[task.solution]
text = "create it"
steps = [{do = "apply", yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}}"}]
[[task]]
id = "say"
title = "Say it"
text = "How many?"
points = 40
answer = {regex = "^2$"}
"""


def _config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default"))


def _begun(lab: Lab | None = None) -> tuple[Cluster, LabSession]:
    lab = lab or parse_lab(LAB)
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.start()
    cluster.run_for(5.0)
    client = cluster.client("lab", groups=("system:masters",))
    view = ClusterView(client, lambda _url, _done: None)
    session = LabSession(lab, client, view, states.fresh(lab, learner="ada", seed=1))
    session.start()
    cluster.run_for(3.0)
    return cluster, session


def test_a_task_says_what_is_missing_and_passes_when_it_has_held() -> None:
    """Points are given once, after the hold and not before."""
    cluster, session = _begun()
    assert session.state.tasks[0].missing == ("There is no mine.",)

    cluster.apply(_config_map("mine"))
    cluster.run_for(3.0)
    assert session.state.tasks[0].state == states.ACTIVE
    cluster.run_for(5.0)

    assert session.state.tasks[0].state == states.PASSED
    assert session.state.points == 60
    assert session.task is not None
    assert session.task.id == "say"


def test_what_stops_holding_begins_to_hold_anew() -> None:
    """The hold is without a break."""
    cluster, session = _begun()
    cluster.apply(_config_map("mine"))
    cluster.run_for(3.0)

    cluster.admin.delete(ConfigMap, "mine", namespace="default")
    cluster.run_for(10.0)

    assert session.state.tasks[0].state == states.ACTIVE


def test_a_failed_task_needs_a_reset() -> None:
    """After it the start is made anew, and what the learner made has gone."""
    cluster, session = _begun()
    cluster.apply(_config_map("junk"))
    cluster.admin.delete(ConfigMap, "given", namespace="default")
    cluster.run_for(2.0)
    assert session.state.tasks[0].state == states.FAILED
    assert session.state.tasks[0].missing == ("You have deleted given.",)

    session.reset()
    cluster.run_for(10.0)

    names = {found.metadata.name for found in cluster.list(ConfigMap, namespace="default")}
    assert "given" in names
    assert "junk" not in names
    assert session.state.tasks[0].state == states.ACTIVE
    assert session.state.resets == 1


def test_hints_cost_points_and_come_in_time() -> None:
    """The second is not offered before its time; what was taken is taken off."""
    cluster, session = _begun()

    assert session.hint() == "kubectl create cm mine"
    with pytest.raises(LabError, match="longer"):
        session.hint()
    cluster.run_for(60.0)
    assert session.hint() == "later"
    cluster.apply(_config_map("mine"))
    cluster.run_for(8.0)

    assert session.state.points == 45


def test_wrong_answers_cost_and_the_right_one_ends_the_lab() -> None:
    """The bonus is for who is done in time."""
    cluster, session = _begun()
    cluster.apply(_config_map("mine"))
    cluster.run_for(8.0)

    assert not session.answer("3")
    assert session.answer(" 2 ")

    assert session.state.is_done
    assert session.state.points == 60 + 35 + 5
    assert session.state.is_passed


def test_an_opened_solution_is_worth_nothing() -> None:
    """The task is passed all the same."""
    cluster, session = _begun()

    session.carry_out_solution()
    cluster.run_for(10.0)

    assert session.state.tasks[0].state == states.SHOWN
    assert session.state.points == 0


def test_asking_at_the_wrong_time_is_refused_in_words() -> None:
    """A task without an answer takes none; a lab that is over has no hints."""
    _, session = _begun()

    with pytest.raises(LabError, match="asks for no answer"):
        session.answer("2")


def test_progress_survives_as_json() -> None:
    """What is saved is what is read."""
    _, session = _begun()

    assert states.from_json(session.state.as_json()) == session.state
