"""Scenario files: what is right is read, what is wrong is explained with its place."""

import pytest

from engine.scenario.loader import load_scenario, parse_scenario, seconds
from engine.scenario.schema import FaultStep, ScenarioError, WaitStep

HEAD = 'format = "kubarium.scenario/1"\nid = "x"\ntitle = "X"\n'


def test_steps_are_read_by_their_kind() -> None:
    """Each `do` has a class of its own."""
    scenario = parse_scenario(
        HEAD
        + '[[step]]\ndo = "fault"\nfault = "node.crash"\nfor = "5s"\ntarget = {nodes = "node-1"}\n'
        + '[[step]]\ndo = "wait"\nuntil = {rollout = "deployment/web"}\n'
    )

    fault, wait = scenario.step
    assert isinstance(fault, FaultStep)
    assert fault.for_ == "5s"
    assert fault.target.nodes == "node-1"
    assert isinstance(wait, WaitStep)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = [", "not TOML"),
        ('format = "other/1"', "format must be"),
        (HEAD + "speed = 3\n", "unknown key (speed)"),
        (HEAD + '[[step]]\nid = "a"\ndo = "explode"\n', "step 1 (a): do must be one of"),
        (HEAD + '[[step]]\ndo = "note"\ntxet = "hi"\n', "txet"),
        (HEAD + '[[step]]\ndo = "wait"\nuntil = {}\ntimeout = "soon"\n', "not a duration"),
        (HEAD + '[[step]]\ndo = "apply"\nmanifests = ["web"]\n', "no manifest with id 'web'"),
        (HEAD + '[[step]]\ndo = "end"\nstep = "crash"\n', "no step before it has the id 'crash'"),
        (HEAD + '[[manifest]]\nid = "m"\nyaml = "a: ["\n', "manifest m: not YAML"),
        (HEAD + '[[node]]\nname = "n"\ncpu = "many"\n', "node n: quantities must match"),
        (HEAD + '[clock]\nmode = "lunar"\n', "mode must be"),
    ],
)
def test_mistakes_are_explained_with_their_place(text: str, words: str) -> None:
    """The file's name and the step come with each."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, name="my.toml")

    assert "my.toml" in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_is_named() -> None:
    """And there is no traceback to read."""
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: cannot be read"):
        load_scenario("nowhere.toml")


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("1m30s", 90.0), ("2h", 7200.0)])
def test_durations_add_up(text: str, value: float) -> None:
    """In seconds."""
    assert seconds(text) == value
