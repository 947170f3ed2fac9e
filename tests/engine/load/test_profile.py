"""Patterns of traffic: rates, and how many requests are due."""

import pytest

from engine.errors import ConfigError
from engine.load.profile import PATTERNS, Profile


@pytest.mark.parametrize(
    ("pattern", "age", "rate"),
    [
        pytest.param("constant", 3.0, 10.0, id="constant"),
        pytest.param("ramp", 0.0, 10.0, id="ramp-begin"),
        pytest.param("ramp", 30.0, 55.0, id="ramp-middle"),
        pytest.param("spike", 5.0, 10.0, id="before-the-spike"),
        pytest.param("spike", 30.0, 100.0, id="in-the-spike"),
        pytest.param("sine", 30.0, 100.0, id="top-of-the-wave"),
        pytest.param("constant", 60.0, 0.0, id="over"),
    ],
)
def test_the_rate_follows_the_pattern(pattern: str, age: float, rate: float) -> None:
    """Requests per second at a moment."""
    profile = Profile(pattern=pattern, rate=10.0, peak=100.0, duration=60.0)

    assert profile.rate_at(age) == pytest.approx(rate)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_due_is_the_sum_of_the_rate(pattern: str) -> None:
    """What is due after a time is the rate added up until then."""
    profile = Profile(pattern=pattern, rate=10.0, peak=100.0, duration=60.0)
    step = 0.01

    added = sum(profile.rate_at(number * step) * step for number in range(6000))

    assert profile.due(60.0) == pytest.approx(added, rel=0.01)
    assert profile.due(1000.0) == profile.due(60.0)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        pytest.param({"pattern": "square"}, "pattern", id="pattern"),
        pytest.param({"rate": -1.0}, "rate", id="rate"),
        pytest.param({"pattern": "ramp"}, "duration", id="endless-ramp"),
        pytest.param({"duration": 0.0}, "duration", id="duration"),
        pytest.param({"period": 0.0}, "period", id="period"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_in_words(
    settings: dict[str, object], word: str
) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError, match=word):
        Profile(**settings)  # type: ignore[arg-type]  # wrong on purpose
