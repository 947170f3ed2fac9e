"""Chance, repeatable: one seed, as many independent streams as there are names."""

import hashlib
import random

import attrs

# The alphabet of generated name suffixes: no vowels, no look-alikes, so that no word appears.
# Source: k8s.io/apimachinery util/rand, kubernetes v1.34.
_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


Stream = random.Random
"""One stream of chance."""


@attrs.define(eq=False)
class RandomStreams:
    """Named random streams that depend on the seed and their name, never on each other."""

    seed: int
    _streams: dict[str, random.Random] = attrs.field(factory=dict, init=False)

    def __getitem__(self, name: str) -> random.Random:
        """The stream called *name*, always the same one."""
        stream = self._streams.get(name)
        if stream is None:
            digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
            stream = self._streams[name] = random.Random(int.from_bytes(digest[:16], "big"))  # noqa: S311 - repeatable on purpose
        return stream


def name_suffix(stream: random.Random, *, length: int = 5) -> str:
    """A random name suffix of *length* characters, as the API server appends to generateName."""
    return "".join(stream.choice(_SUFFIX_ALPHABET) for _ in range(length))


def new_uid(stream: random.Random) -> str:
    """A random (version 4) UUID in its usual form, drawn from *stream*."""
    bits = stream.getrandbits(128) & ~(0xF << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
