"""How much history is kept, as it is typed."""

import argparse
from collections.abc import Callable

import pytest

from engine.store.compactor import KEEP_A_SESSION, Retention
from tui.cli import make_parser
from tui.commands.history import parse_age, parse_revisions, parse_size, retention


def typed(*arguments: str) -> Retention:
    """The retention of `kubarium serve` with these arguments."""
    return retention(make_parser().parse_args(["serve", *arguments]))


def test_a_session_is_kept_by_default() -> None:
    """Without an option nothing changes."""
    assert typed() == KEEP_A_SESSION


def test_each_bound_can_be_set_or_lifted() -> None:
    """One option, one bound; ``all`` sets none."""
    found = typed("--history-age", "1h30m", "--history-revisions", "5000", "--history-size", "all")

    assert found == Retention(age=5400.0, revisions=5000, size=None)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_age, "90m", 5400.0),
        (parse_age, "7d", 604_800.0),
        (parse_age, "all", None),
        (parse_revisions, "100", 100),
        (parse_size, "256Mi", 256 * 2**20),
        (parse_size, "1G", 10**9),
    ],
)
def test_what_is_understood(parse: Callable[[str], object], text: str, value: object) -> None:
    """Units as Kubernetes and Go write them."""
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (parse_age, "24", "such as 90m, 24h or 7d"),
        (parse_age, "-1h", "such as 90m"),
        (parse_age, "5s", "at least one minute"),
        (parse_age, "", "such as 90m"),
        (parse_revisions, "many", "a number of revisions from 100"),
        (parse_revisions, "5", "a number of revisions from 100"),
        (parse_size, "256MB", "a size from 1Mi"),
        (parse_size, "1Ki", "a size from 1Mi"),
        (parse_size, "0", "a size from 1Mi"),
    ],
)
def test_what_is_not_is_answered_in_words(
    parse: Callable[[str], object], text: str, words: str
) -> None:
    """With what was expected and what came."""
    with pytest.raises(argparse.ArgumentTypeError, match=words) as refused:
        parse(text)

    assert repr(text) in str(refused.value)
