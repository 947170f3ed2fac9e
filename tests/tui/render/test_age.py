"""Ages read as kubectl writes them."""

import pytest

from tui.render.age import age, human_duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 240, "3h4m"),
        (9 * 3600 + 60, "9h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (53 * 3600, "2d5h"),
        (12 * 86400, "12d"),
        (800 * 86400, "2y70d"),
        (-5, "<invalid>"),
    ],
    ids=str,
)
def test_durations(seconds: float, words: str) -> None:
    """The same steps of precision as duration.HumanDuration."""
    assert human_duration(seconds) == words


def test_an_object_without_a_birth_has_no_age() -> None:
    """Kubectl says <unknown> for it."""
    assert age(None, 100.0) == "<unknown>"
