"""What `kubarium scenario check` says of each kind of file."""

from pathlib import Path

import pytest

from engine.lab.checking import checked
from engine.lab.course import course_files
from engine.scenario.schema import ScenarioError

SCENARIO = """format = "kubarium.scenario/1"
id = "tiny"
title = "Tiny"

[[step]]
id = "look"
do = "check"
checks = [{object = "node/node-1", say = "A node should be there."}]
"""
INDEX = """[[chapter]]
title = "First"
scenario = [{id = "tiny"}]
"""


def _mistakes(file: Path) -> str:
    with pytest.raises(ScenarioError) as found:
        checked(file)
    return str(found.value).replace(f"{file}:", "")


def test_nothing_is_wrong_with_the_shipped_course() -> None:
    """Index, scenarios, labs and translations, whatever lies in the folder."""
    said = [checked(file) for file in course_files()]

    assert len(said) == 49
    assert all(line.endswith("nothing wrong") for line in said)


def test_a_translation_is_compared_with_its_original(tmp_path: Path) -> None:
    """Unknown steps and keys, and more texts than there are claims, with their lines."""
    (tmp_path / "tiny.toml").write_text(SCENARIO, encoding="utf-8")
    words = tmp_path / "tiny.ko.toml"
    words.write_text(
        'titel = "x"\n\n[step]\nlook = {checks = ["a", "b"], texts = "c"}\nlok = {title = "d"}\n',
        encoding="utf-8",
    )

    assert _mistakes(words).splitlines() == [
        "1: titel: is not a key here; one of title, summary, step",
        "4: step.look.texts: is not a key here; one of title, text, say, checks",
        "4: step.look.checks: has 2 texts, but the original has 1",
        '5: step.lok: the original has no step with the id "lok"; did you mean "look"?',
    ]


def test_an_index_names_files_that_are_there(tmp_path: Path) -> None:
    """What is not there, and levels that are none."""
    (tmp_path / "tiny.toml").write_text(SCENARIO, encoding="utf-8")
    index = tmp_path / "course.toml"
    index.write_text(INDEX, encoding="utf-8")

    assert checked(index) == "a course of 1 chapters, 1 scenarios and 0 labs, nothing wrong"

    index.write_text(INDEX + 'lab = [{id = "gone", level = "hard"}]\n', encoding="utf-8")

    assert "there is no file gone.lab.toml beside the index" in _mistakes(index)
    assert "level must be one of" in _mistakes(index)
