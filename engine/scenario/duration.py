"""Durations as people write them."""

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A duration such as ``1m30s``, ``500ms`` or ``-5s`` in seconds.

    Raises:
        ValueError: *text* is not a duration.
    """
    sign, rest = (-1.0, text[1:]) if text.startswith("-") else (1.0, text)
    parts = _DURATION.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest.replace(" ", ""):
        msg = f'"{text}" is not a duration such as 500ms, 5s or 1m30s'
        raise ValueError(msg)
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)
