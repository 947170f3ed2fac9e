"""Revisions: the store's only clock."""

from typing import NamedTuple

# A transaction changes at most this many keys, so that (main, sub) fits one 64-bit integer.
MAX_SUB = 1 << 20


class Revision(NamedTuple):
    """When a change happened: *main* counts transactions, *sub* the changes inside one."""

    main: int
    sub: int = 0


def pack(main: int, sub: int) -> int:
    """One integer for (main, sub) that sorts as the pair does."""
    return main * MAX_SUB + sub


def unpack(packed: int) -> Revision:
    """The revision that `pack` made into *packed*."""
    return Revision(*divmod(packed, MAX_SUB))
