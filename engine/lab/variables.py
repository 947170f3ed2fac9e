"""What differs from learner to learner: names, ports and numbers drawn by seed.

In a lab file ``[vars]`` names them and ``${name}`` stands for them anywhere in a text.
"""

import zlib
from collections.abc import Mapping
from typing import Any

from engine.kernel.rng import RandomStreams
from engine.lab.schema import PER_LEARNER, LabError


def seed_of(given: object, lab: str, learner: str) -> int:
    """The seed of a learner's lab; the same for the same learner, whenever and wherever."""
    if given == PER_LEARNER:
        return zlib.crc32(f"{lab}/{learner}".encode())
    return int(given) if isinstance(given, int) else zlib.crc32(str(given).encode())


def draw(specs: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The value of each variable.

    A variable is a list to choose from, ``{from = 3000, to = 3999}``, or one value for all.

    Raises:
        LabError: a variable is none of these.
    """
    streams = RandomStreams(seed)
    values: dict[str, Any] = {}
    for name, spec in specs.items():
        random = streams[f"lab/{name}"]
        if isinstance(spec, list) and spec:
            values[name] = spec[random.randrange(len(spec))]
        elif isinstance(spec, dict) and set(spec) == {"from", "to"}:
            low, high = spec["from"], spec["to"]
            if not isinstance(low, int) or not isinstance(high, int) or low > high:
                raise LabError(f"vars.{name}: from and to must be whole numbers, from the smaller")
            values[name] = random.randint(low, high)
        elif isinstance(spec, str | int):
            values[name] = spec
        else:
            raise LabError(
                f"vars.{name}: a list to choose from, {{from, to}}, a text or a number was expected"
            )
    return values
