"""Quantities: ``500m``, ``1.5Gi``, ``2e3`` as exact numbers, and back.

Source: resource.Quantity, kubernetes v1.34.
"""

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_QUANTITY = re.compile(
    r"^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?$"
)
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


@lru_cache(maxsize=4096)
def parse(text: str) -> Decimal:
    """The exact value of a quantity.

    Raises:
        ValueError: *text* is not a quantity.
    """
    match = _QUANTITY.match(str(text))
    if match is None:
        msg = (
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
        raise ValueError(msg)
    number, suffix = match.groups()
    if not suffix:
        return Decimal(number)
    if suffix in _SUFFIXES:
        return Decimal(number) * _SUFFIXES[suffix]
    return Decimal(number + suffix)


@lru_cache(maxsize=4096)
def parse_millis(text: str) -> int:
    """A quantity in thousandths, rounded up: CPU in millicores.

    Raises:
        ValueError: *text* is not a quantity.
    """
    return int((parse(text) * 1000).to_integral_value(ROUND_CEILING))


@lru_cache(maxsize=4096)
def parse_int(text: str) -> int:
    """A quantity as a whole number, rounded up: memory in bytes, a number of pods.

    Raises:
        ValueError: *text* is not a quantity.
    """
    return int(parse(text).to_integral_value(ROUND_CEILING))


def format_millis(millis: int) -> str:
    """Millicores as the shortest quantity: ``250m``, ``2``."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def format_bytes(count: int) -> str:
    """Bytes with the largest binary suffix that divides them: ``512Mi``, ``1500``."""
    for suffix in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        unit = int(_SUFFIXES[suffix])
        if count and count % unit == 0:
            return f"{count // unit}{suffix}"
    return str(count)
