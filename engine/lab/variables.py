"""What differs from learner to learner: names, ports and numbers drawn by seed.

In a lab file ``[vars]`` names them and ``${name}`` stands for them anywhere in a text.
"""

import re
import zlib
from collections.abc import Mapping
from typing import Any

from engine.kernel.rng import RandomStreams
from engine.lab.schema import PER_LEARNER, LabError

_PLACE = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")


def seed_of(given: object, lab: str, learner: str) -> int:
    """The seed of a learner's lab; the same for the same learner, whenever and wherever."""
    if given == PER_LEARNER:
        return zlib.crc32(f"{lab}/{learner}".encode())
    return int(given) if isinstance(given, int) else zlib.crc32(str(given).encode())


def draw(specs: Mapping[str, Any], seed: int) -> dict[str, str]:
    """The value of each variable.

    A variable is a list to choose from, ``{from = 3000, to = 3999}``, or one value for all.

    Raises:
        LabError: a variable is none of these.
    """
    streams = RandomStreams(seed)
    values = {}
    for name, spec in specs.items():
        random = streams[f"lab/{name}"]
        if isinstance(spec, list) and spec:
            values[name] = str(spec[random.randrange(len(spec))])
        elif isinstance(spec, dict) and set(spec) == {"from", "to"}:
            low, high = spec["from"], spec["to"]
            if not isinstance(low, int) or not isinstance(high, int) or low > high:
                raise LabError(f"vars.{name}: from and to must be whole numbers, from the smaller")
            values[name] = str(random.randint(low, high))
        elif isinstance(spec, str | int):
            values[name] = str(spec)
        else:
            raise LabError(
                f"vars.{name}: a list to choose from, {{from, to}}, a text or a number was expected"
            )
    return values


def fill(data: Any, values: Mapping[str, str]) -> Any:
    """*data* with each ``${name}`` replaced; a text that is nothing else becomes a number if it is.

    Raises:
        LabError: a name is not among *values*.
    """
    if isinstance(data, dict):
        return {key: fill(value, values) for key, value in data.items()}
    if isinstance(data, list):
        return [fill(value, values) for value in data]
    if not isinstance(data, str) or "${" not in data:
        return data
    whole = _PLACE.fullmatch(data)
    if whole and values.get(whole[1], "").isdigit():
        return int(values[whole[1]])

    def replaced(match: re.Match[str]) -> str:
        try:
            return values[match[1]]
        except KeyError:
            known = ", ".join(values) or "none"
            msg = f"${{{match[1]}}} is not one of the vars ({known})"
            raise LabError(msg) from None

    return _PLACE.sub(replaced, data)
