"""What the app says in another language: every sentence is one of the code, none is half said."""

import ast
import string
import tomllib
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

from engine.api.fault_catalogue import CATALOGUE
from tui import keymap
from tui.language import say, speak
from tui.screens.view import VIEWS

ROOT = Path(__file__).parents[2]
KOREAN = ROOT / "tui" / "translations" / "ko.toml"


def _korean() -> dict[str, str]:
    tables = tomllib.loads(KOREAN.read_text(encoding="utf-8"))
    return {text: found for table in tables.values() for text, found in table.items()}


def _said() -> Iterator[str]:
    """The sentences that the code hands to `say` as they stand."""
    for file in sorted((ROOT / "tui").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_what_a_learner_reads_is_there_in_korean() -> None:
    """Keys, views, faults and every sentence of the dialogs."""
    korean = _korean()
    wanted = [title for _, _, title in VIEWS]
    wanted += [text for action in keymap.ACTIONS for text in (action.title, action.group)]
    wanted += [kind.summary for kind in CATALOGUE.values()]
    wanted += [text for text in _said() if " " in text.strip()]

    names = {"YAML"}
    assert [text for text in wanted if text not in korean and text not in names] == []


def test_a_translation_has_the_same_places_to_fill() -> None:
    """No name is lost, none is made up."""
    assert {text for text, found in _korean().items() if _fields(text) != _fields(found)} == set()


def test_each_context_speaks_its_own_language() -> None:
    """Korean in one app leaves the other's English alone; what is not translated stays English."""

    def in_korean() -> tuple[str, str]:
        speak("ko")
        return say("{name} killed", name="pod/web"), say("nobody says this")

    assert copy_context().run(in_korean) == (
        "pod/web을(를) 강제로 종료했습니다",
        "nobody says this",
    )
    assert say("{name} killed", name="pod/web") == "pod/web killed"
