"""Lab files: what is wrong with one is told with its line."""

import pytest

from engine.lab.loader import parse_lab
from engine.lab.schema import LabError
from engine.lab.variables import draw

GOOD = """format = "kubarium.lab/1"
id = "x"
title = "X"
[vars]
n = {from = 1, to = 1000}
[[task]]
id = "a"
title = "A"
text = "make ${n}"
points = 100
check = [
  {object = "cm/a", say = "no a"},
]
[task.solution]
steps = [{do = "apply", yaml = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"}]
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('title = "X"', 'titel = "X"', "lab:3: titel: unknown key", id="key"),
        pytest.param("points = 100", 'points = "many"', "lab:10:", id="type"),
        pytest.param("points = 100", "points = 90", "score.total", id="points"),
        pytest.param("cm/a", "zebra/a", "lab:12: task 1 (a): check 1:", id="kind"),
        pytest.param("${n}", "${m}", "lab:9: task 1 (a): text:", id="variable"),
        pytest.param("points = 100", 'points = 100\nneeds = ["b"]', "no task before", id="needs"),
        pytest.param("points = 100", 'points = 100\nneeds = ["a"]', "needs itself", id="circle"),
        pytest.param("points = 100", 'points = 100\nhold = "5x"', "not a duration", id="hold"),
        pytest.param('do = "apply"', 'do = "aply"', 'did you mean "apply"', id="step"),
        pytest.param("[task.solution]\nsteps", "[task.x]\nsteps", "unknown key", id="table"),
        pytest.param("kubarium.lab/1", "kubarium.lab/9", "lab:1: format:", id="format"),
        pytest.param("[[task]]", "[[task]", "not TOML", id="toml"),
        pytest.param("to = 1000", "to = 0", "lab:4:", id="vars"),
    ],
)
def test_a_mistake_names_its_line(old: str, new: str, message: str) -> None:
    """File, line, place, and what is wrong."""
    assert old in GOOD

    with pytest.raises(LabError) as caught:
        parse_lab(GOOD.replace(old, new))

    assert message in str(caught.value)


def test_each_learner_has_numbers_of_their_own() -> None:
    """The same ones every time."""
    ada, bo = parse_lab(GOOD, learner="ada"), parse_lab(GOOD, learner="bo")

    assert ada == parse_lab(GOOD, learner="ada")
    assert ada.task[0].text != bo.task[0].text
    assert ada.task[0].text == f"make {ada.vars['n']}"


def test_variables_are_drawn_from_lists_and_ranges() -> None:
    """Each kind gives what it promises."""
    values = draw({"a": ["x", "y"], "b": {"from": 5, "to": 6}, "c": "same"}, 7)

    assert values["a"] in ("x", "y")
    assert values["b"] in (5, 6)
    assert values["c"] == "same"
