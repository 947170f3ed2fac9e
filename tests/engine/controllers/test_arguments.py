"""Flags of kube-controller-manager as settings."""

import pytest

from engine.config import ControllerSettings
from engine.controllers.arguments import parse_duration, read_arguments
from engine.errors import ConfigError


def test_flags_become_settings_and_the_others_stay() -> None:
    """With or without dashes; of the same flag twice the last one counts."""
    found = read_arguments(
        [
            "--node-eviction-rate=0.5",
            "node-monitor-grace-period=1m10s",
            "large-cluster-size-threshold=10",
            "node-eviction-rate=2",
        ]
    )

    assert found == ControllerSettings(
        node_eviction_rate=2.0,
        node_monitor_grace_period=70.0,
        large_cluster_size_threshold=10,
    )


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("node-eviction-rate", "NAME=VALUE was expected"),
        ("node-eviction-rat=1", "unknown flag 'node-eviction-rat'; there is "),
        ("node-eviction-rate=-1", "node-eviction-rate: nodes per second was expected, not '-1'"),
        ("unhealthy-zone-threshold=1.5", "a number from 0 to 1 was expected"),
        ("node-monitor-grace-period=50", "a duration such as 50s was expected, not '50'"),
        ("node-monitor-grace-period=2s", "must be longer than node-monitor-period"),
        ("large-cluster-size-threshold=few", "a whole number was expected, not 'few'"),
    ],
)
def test_what_is_wrong_is_told(argument: str, words: str) -> None:
    """The flag, what was expected, what was found."""
    with pytest.raises(ConfigError, match=words):
        read_arguments([argument])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("50s", 50.0), ("1h2m3.5s", 3723.5), ("500ms", 0.5), ("5", None), ("s", None)],
)
def test_durations_are_as_go_writes_them(text: str, seconds: float | None) -> None:
    """Numbers with units, one after the other."""
    assert parse_duration(text) == seconds
