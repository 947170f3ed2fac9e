"""The command line: what is imported late is there, and each command knows its help."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from tui import cli

LATE = sorted(set(re.findall(r'late\("([\w.]+):(\w+)"\)', Path(cli.__file__).read_text("utf-8"))))


@pytest.mark.parametrize(("module", "name"), LATE)
def test_what_is_called_late_is_there(module: str, name: str) -> None:
    """A misspelt function would be found by a user only."""
    assert callable(getattr(import_module(module), name))


def test_each_command_is_told_in_the_help() -> None:
    """With a sentence of its own."""
    shown = cli.make_parser().format_help()

    assert all(word in shown for word in ("serve", "attach", "play", "lab", "record", "load"))
