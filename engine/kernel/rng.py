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
    """Named random streams that depend on the seed and their name, never on each other.

    *resumed_at* is the revision at which a stored history goes on: other streams than those that
    made the history, or new objects would get the uids of old ones.
    """

    seed: int
    resumed_at: int = 0
    _streams: dict[str, random.Random] = attrs.field(factory=dict, init=False)

    def __getitem__(self, name: str) -> random.Random:
        """The stream called *name*, always the same one."""
        stream = self._streams.get(name)
        if stream is None:
            origin = f"{self.seed}@{self.resumed_at}" if self.resumed_at else f"{self.seed}"
            digest = hashlib.sha256(f"{origin}/{name}".encode()).digest()
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
