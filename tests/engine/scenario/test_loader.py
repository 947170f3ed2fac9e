"""Scenario files: what is right is read, what is wrong is explained with its place."""

import pytest

from engine.scenario.loader import load_scenario, parse_scenario, seconds
from engine.scenario.schema import ScenarioError
from engine.scenario.steps import FaultStep, NoteStep, ScaleStep, WaitStep

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
        ("x = [", "my.toml:1: not TOML"),
        ('format = "other/1"', "my.toml:1: format: is 'other/1'; it must be"),
        (HEAD + "speed = 3\n", "my.toml:4: speed: unknown key"),
        (HEAD + '[[step]]\nid = "a"\ndo = "chekc"\n', "my.toml:4: step 1 (a): do: 'chekc' is not"),
        (HEAD + '[[step]]\nid = "a"\ndo = "chekc"\n', 'did you mean "check"?'),
        (
            HEAD + '[[step]]\ndo = "note"\ntext = "x"\n\ntxet = "hi"\n',
            "my.toml:8: step 1: txet: unknown",
        ),
        (HEAD + '[[step]]\ndo = "note"\ntext = "x"\n\ntxet = "hi"\n', 'did you mean "text"?'),
        (
            HEAD
            + '[[step]]\ndo = "check"\n'
            + 'checks = [\n  {object = "pod/a"},\n  {objcet = "pod/a"},\n]\n',
            'my.toml:8: step 1: checks 2: objcet: unknown key; did you mean "object"?',
        ),
        (
            HEAD + '[[step]]\ndo = "wait"\nuntil = {}\ntimeout = "soon"\n',
            "my.toml:7: step 1: timeout",
        ),
        (HEAD + '[[step]]\ndo = "wait"\nuntil = {}\n', "names nothing to look at"),
        (HEAD + '[[step]]\ndo = "note"\ntext = 3\n', "my.toml:6: step 1: text: text was expected"),
        (HEAD + '[[step]]\ndo = "scale"\nobject = "deploy/a"\nreplicas = "3"\n', "a whole number"),
        (HEAD + '[[step]]\ndo = "scale"\nobject = "deploy/a"\n', 'the key "replicas" is missing'),
        (HEAD + '[[step]]\ndo = "delete"\nobject = "a"\n', "not of the form kind/name"),
        (
            HEAD + '[[step]]\ndo = "check"\nchecks = [{object = "deploiment/a"}]\n',
            'is not a kind kubectl knows; did you mean "deployment"?',
        ),
        (HEAD + '[[step]]\ndo = "apply"\nmanifests = ["web"]\n', 'there is no manifest "web"'),
        (HEAD + '[[step]]\ndo = "end"\nstep = "crash"\n', 'no step before it has the id "crash"'),
        (HEAD + '[[step]]\ndo = "fault"\nfault = "node.crsh"\n', 'did you mean "node.crash"?'),
        (HEAD + '[[step]]\ndo = "kubectl"\nrun = "scale deploy/a --replica=2"\n', "unknown flag"),
        (HEAD + '[[step]]\ndo = "kubectl"\nrun = "exec -it a -- sh"\n', "unknown flag"),
        (
            HEAD + '[[step]]\ndo = "sleep"\nid = "a"\nafter = ["b"]\nseconds = "1s"\n'
            '[[step]]\ndo = "sleep"\nid = "b"\nafter = ["a"]\nseconds = "1s"\n',
            "in a circle: a -> b -> a",
        ),
        (HEAD + '[vars]\na = "${b}"\nb = "${a}"\n', "my.toml:5: vars.a: variables need each other"),
        (HEAD + '[[step]]\ndo = "note"\ntext = "${nobody}"\n', 'there is no variable "nobody"'),
        (
            HEAD + '[[manifest]]\nid = "m"\nyaml = "a: ["\n',
            "my.toml:6: manifest 1 (m): yaml: not YAML",
        ),
        (
            HEAD + '[[node]]\nname = "n"\ncpu = "many"\n',
            "my.toml:6: node 1 (n): cpu: quantities must",
        ),
        (HEAD + '[[node]]\nname = "n"\ncount = 2\n', "2 nodes cannot all be"),
        (HEAD + '[clock]\nmode = "lunar"\n', "my.toml:5: clock.mode: must be"),
    ],
)
def test_mistakes_are_explained_with_their_place(text: str, words: str) -> None:
    """The file's name and the step come with each."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, name="my.toml")

    assert "my.toml:" in str(caught.value)
    assert words in str(caught.value)


def test_a_missing_file_is_named() -> None:
    """And there is no traceback to read."""
    with pytest.raises(ScenarioError, match=r"nowhere\.toml: cannot be read"):
        load_scenario("nowhere.toml")


@pytest.mark.parametrize(("text", "value"), [("500ms", 0.5), ("1m30s", 90.0), ("2h", 7200.0)])
def test_durations_add_up(text: str, value: float) -> None:
    """In seconds."""
    assert seconds(text) == value


def test_variables_are_filled_in_and_keep_their_type() -> None:
    """A text that is one variable has its type; --var wins over the file."""
    text = HEAD + (
        '[vars]\nreplicas = 3\nname = "web"\nboth = "${name}-x"\n'
        '[[step]]\ndo = "scale"\nobject = "deployment/${both}"\nreplicas = "${replicas}"\n'
    )

    (step,) = parse_scenario(text, variables={"replicas": "5", "name": "shop"}).step

    assert step == ScaleStep(do="scale", object="deployment/shop-x", replicas=5)


@pytest.mark.parametrize(
    ("variables", "words"),
    [({"replica": "5"}, 'did you mean "replicas"?'), ({"replicas": "many"}, "a whole number")],
)
def test_wrong_variables_are_explained(variables: dict[str, str], words: str) -> None:
    """Unknown names and values of another type."""
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(HEAD + "[vars]\nreplicas = 3\n", variables=variables)

    assert words in str(caught.value)


def test_prose_is_taken_in_the_language_asked_for() -> None:
    """From a table of languages or a translation in the file; else it stays English."""
    text = HEAD + (
        '[[step]]\nid = "a"\ndo = "note"\ntext = {en = "Hello", ko = "안녕"}\n'
        '[[step]]\nid = "b"\ndo = "note"\ntitle = "Look"\ntext = "Again"\n'
        '[translation.ko]\ntitle = "제목"\n[translation.ko.step.b]\ntext = "다시"\n'
    )

    korean, english = parse_scenario(text, language="ko"), parse_scenario(text)

    assert korean.title == "제목"
    assert [step.text for step in korean.step if isinstance(step, NoteStep)] == ["안녕", "다시"]
    assert [step.text for step in english.step if isinstance(step, NoteStep)] == ["Hello", "Again"]
