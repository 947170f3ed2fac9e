"""How much history is kept, as the command line says it."""

import argparse
import re

import attrs

from engine.store.compactor import KEEP_A_SESSION, Retention

_ALL = "all"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}
_LEAST_AGE = 60.0
_LEAST_REVISIONS = 100
_LEAST_SIZE = 2**20


def retention(options: argparse.Namespace) -> Retention:
    """What the options say; where they say nothing, what is kept by default."""
    given = {
        name: getattr(options, f"history_{name}")
        for name in ("age", "revisions", "size")
        if hasattr(options, f"history_{name}")
    }
    return attrs.evolve(KEEP_A_SESSION, **given)


def parse_age(text: str) -> float | None:
    """Seconds in ``90m``, ``24h``, ``1h30m``; None for ``all``.

    Raises:
        argparse.ArgumentTypeError: it is none of these, or too short to be of use.
    """
    if text == _ALL:
        return None
    if not re.fullmatch(r"(\d+[smhd])+", text):
        msg = f"an age such as 90m, 24h or 7d, or all, was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    age = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smhd])", text))
    if age < _LEAST_AGE:
        msg = f"an age of at least one minute was expected, not {text!r}: watches resume from it"
        raise argparse.ArgumentTypeError(msg)
    return float(age)


def parse_revisions(text: str) -> int | None:
    """A number of revisions; None for ``all``.

    Raises:
        argparse.ArgumentTypeError: it is neither, or too small to be of use.
    """
    if text == _ALL:
        return None
    if not text.isdecimal() or int(text) < _LEAST_REVISIONS:
        msg = f"a number of revisions from {_LEAST_REVISIONS}, or all, was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def parse_size(text: str) -> int | None:
    """Bytes in ``256Mi``; None for ``all``.

    Raises:
        argparse.ArgumentTypeError: it is neither, or too small to be of use.
    """
    if text == _ALL:
        return None
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi|k|M|G)?", text)
    size = int(found[1]) * _SIZES[found[2] or ""] if found else 0
    if size < _LEAST_SIZE:
        msg = f"a size from 1Mi such as 256Mi, or all, was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return size
