"""Finds the word somebody probably meant to type; knows no schema."""

from collections.abc import Iterable
from difflib import get_close_matches


def closest(typed: str, known: Iterable[str]) -> str:
    """The one of *known* that *typed* most resembles, or an empty string if none comes near.

    Another case or another plural wins over a small distance: ``hostname`` is ``hostName``.
    """
    by_fold = {_fold(name): name for name in sorted(known, reverse=True)}
    if (exact := by_fold.get(_fold(typed[:80]))) is not None:
        return exact
    near = get_close_matches(_fold(typed[:80]), by_fold, n=1, cutoff=0.7)
    return by_fold[near[0]] if near else ""


def _fold(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").removesuffix("s")
