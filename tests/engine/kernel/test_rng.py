"""Chance that repeats."""

import re
import uuid

from engine.kernel.backoff import Backoff
from engine.kernel.rng import RandomStreams, name_suffix, new_uid


def test_streams_depend_on_seed_and_name_alone() -> None:
    """Using one stream does not disturb another."""
    first, second = RandomStreams(7), RandomStreams(7)
    for _ in range(10):
        first["other"].random()

    assert first["scheduler"].random() == second["scheduler"].random()
    assert RandomStreams(8)["scheduler"].random() != RandomStreams(7)["scheduler"].random()


def test_uids_are_random_uuids() -> None:
    """Version 4 and the RFC's variant, so that every parser takes them."""
    found = uuid.UUID(new_uid(RandomStreams(1)["uid"]))

    assert found.version == 4
    assert found.variant == uuid.RFC_4122


def test_name_suffixes_have_no_vowels_and_no_look_alikes() -> None:
    """As the API server makes them."""
    stream = RandomStreams(1)["names"]

    assert all(
        re.fullmatch(r"[bcdfghjklmnpqrstvwxz2456789]{5}", name_suffix(stream)) for _ in range(99)
    )


def test_backoff_doubles_up_to_its_cap_and_starts_afresh_when_forgotten() -> None:
    """Per key."""
    backoff = Backoff[str](base=1.0, cap=5.0)

    assert [backoff.next_delay("a") for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.next_delay("b") == 1.0

    backoff.forget("a")

    assert backoff.next_delay("a") == 1.0
