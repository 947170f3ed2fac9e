"""The shipped course in virtual time: scenarios play, labs are solved by their solutions."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.lab.course import Entry, entries, find_lab, find_scenario, translation
from engine.lab.tester import prove
from engine.scenario.checks import HttpAnswer
from engine.scenario.player import Player
from engine.scenario.view import ClusterView

SCENARIOS = entries("scenario")
LABS = entries("lab")
LEARNERS = ("ada", "bo", "chen", "dora", "emre", "fatou")
LONGEST = 900.0


@pytest.mark.parametrize("entry", SCENARIOS, ids=lambda entry: entry.id)
def test_a_scenario_plays_to_its_end(entry: Entry) -> None:
    """Every check of the scenario holds on a simulated cluster."""
    scenario = find_scenario(entry.id)
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(3), seed=scenario.seed))
    cluster.start()
    cluster.run_for(20.0)
    client = cluster.client("scenario", groups=("system:masters",))

    def fetch(url: str, done: Any) -> None:
        cluster.modelled.get(
            url, lambda answer: done(HttpAnswer(status=answer.status, body=answer.body))
        )

    player = Player(scenario, client, ClusterView(client, fetch))
    player.start()
    until = cluster.loop.now + LONGEST
    while not player.is_done and cluster.loop.now < until:
        cluster.run_for(1.0)
    cluster.stop()

    assert player.message == ""
    assert player.is_done


@pytest.mark.parametrize("entry", LABS, ids=lambda entry: entry.id)
def test_a_lab_fails_at_first_and_passes_by_its_solution(entry: Entry) -> None:
    """Each task is open when it begins, and its own solution passes it."""
    lab = find_lab(entry.id, learner="ada")

    proofs = prove(lab)

    assert [proof.message for proof in proofs if not proof.holds] == []
    assert [proof.task for proof in proofs] == [task.id for task in lab.task]


@pytest.mark.parametrize("entry", LABS, ids=lambda entry: entry.id)
def test_learners_get_labs_of_their_own(entry: Entry) -> None:
    """The same learner always gets the same names; among a few, not all are alike."""
    drawn = [find_lab(entry.id, learner=learner).vars for learner in LEARNERS]

    assert drawn == [find_lab(entry.id, learner=learner).vars for learner in LEARNERS]
    assert any(values != drawn[0] for values in drawn)


def test_the_course_has_twelve_of_each() -> None:
    """Twelve scenarios and twelve labs, at least four of each on real containers."""
    for found in (SCENARIOS, LABS):
        assert len(found) == 12
        assert sum(entry.runs_on == "podman" for entry in found) >= 4


@pytest.mark.parametrize("entry", [*SCENARIOS, *LABS], ids=lambda entry: f"{entry.kind}/{entry.id}")
def test_all_prose_is_there_in_korean(entry: Entry) -> None:
    """Whatever a learner reads in English is there in Korean."""
    words = translation(entry.kind, entry.id, "ko")

    assert words is not None
    missing = [name for name, text in _prose(entry, words) if not _is_korean(text)]
    assert missing == []


def _prose(entry: Entry, words: Any) -> Iterator[tuple[str, str]]:
    yield "title", words.get("title", "")
    yield "summary", words.get("summary", "")
    if entry.kind == "scenario":
        for step in find_scenario(entry.id).step:
            found = words["step"].get(step.id, {})
            if step.title:
                yield f"{step.id}.title", found.get("title", "")
            if hasattr(step, "text"):
                yield f"{step.id}.text", found.get("text", "")
            said = [claim.say for claim in getattr(step, "checks", ()) if claim.say]
            for number in range(len(said)):
                yield f"{step.id}.checks[{number}]", _at(found.get("checks", ()), number)
        return
    for task in find_lab(entry.id, learner="ada").task:
        found = words["task"].get(task.id, {})
        yield f"{task.id}.text", found.get("text", "")
        yield f"{task.id}.why", found.get("why", "")
        hints = [_at(found.get("hint", ()), number) for number in range(len(task.hint))]
        assert all(hints), f"{task.id}: {len(task.hint)} hints"
        said = [claim.say for claim in (*task.check, *task.fail) if claim.say]
        for number in range(len(said)):
            yield f"{task.id}.say[{number}]", _at(found.get("say", ()), number)


def _at(texts: Any, number: int) -> str:
    return str(texts[number]) if number < len(texts) else ""


def _is_korean(text: str) -> bool:
    return any("가" <= sign <= "힣" for sign in text)
