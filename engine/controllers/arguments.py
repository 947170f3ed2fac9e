"""Reads the flags of kube-controller-manager that are settings of a cluster here.

Source: cmd/kube-controller-manager/app/options, kubernetes v1.34.
"""

import re
from collections.abc import Iterable

import attrs

from engine.config import ControllerSettings
from engine.errors import ConfigError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")
_RATES = ("node-eviction-rate", "secondary-node-eviction-rate")
_DURATIONS = (
    "node-monitor-grace-period",
    "node-monitor-period",
    "node-startup-grace-period",
    "horizontal-pod-autoscaler-sync-period",
)
_COUNTS = ("large-cluster-size-threshold", "terminated-pod-gc-threshold")
_FRACTIONS = ("unhealthy-zone-threshold", "horizontal-pod-autoscaler-tolerance")


def read_arguments(
    arguments: Iterable[str], *, before: ControllerSettings | None = None
) -> ControllerSettings:
    """*before*, or the defaults, with what *arguments* (``NAME=VALUE``) say; the last one counts.

    Raises:
        ConfigError: there is no such flag here, or its value is not what it should be.
    """
    given = dict(read_argument(argument) for argument in arguments)
    settings = {**attrs.asdict(before or ControllerSettings()), **given}
    period, grace = settings["node_monitor_period"], settings["node_monitor_grace_period"]
    if grace <= period:
        msg = (
            f"node-monitor-grace-period must be longer than node-monitor-period, and {grace:g}s "
            f"is not longer than {period:g}s"
        )
        raise ConfigError(msg)
    return ControllerSettings(**settings)


def read_argument(argument: str) -> tuple[str, float | int]:
    """The name of a setting and its value, of one ``NAME=VALUE``.

    Raises:
        ConfigError: there is no such flag here, or its value is not what it should be.
    """
    name, equals, text = argument.removeprefix("--").partition("=")
    if not equals:
        msg = f"NAME=VALUE was expected, such as node-eviction-rate=0.1, not {argument!r}"
        raise ConfigError(msg)
    return name.strip().replace("-", "_"), _value(name.strip(), text.strip())


def parse_duration(text: str) -> float | None:
    """Seconds of a duration as Go writes it (``1m30s``, ``0``); None if it is none."""
    if text == "0":
        return 0.0
    found = list(_DURATION.finditer(text))
    if not found or "".join(match.group() for match in found) != text:
        return None
    return sum(float(match[1]) * _UNITS[match[2]] for match in found)


def _value(name: str, text: str) -> float | int:
    if name in _DURATIONS:
        seconds = parse_duration(text)
        if not seconds:
            raise ConfigError(f"{name}: a duration such as 50s was expected, not {text!r}")
        return seconds
    if name in _COUNTS:
        if not text.isdigit():
            raise ConfigError(f"{name}: a whole number was expected, not {text!r}")
        return int(text)
    if name in _RATES or name in _FRACTIONS:
        number = _number(text)
        most = 1.0 if name in _FRACTIONS else 1e6
        if not 0 <= number <= most:
            words = "a number from 0 to 1" if name in _FRACTIONS else "nodes per second"
            raise ConfigError(f"{name}: {words} was expected, not {text!r}")
        return number
    known = ", ".join(sorted((*_RATES, *_DURATIONS, *_COUNTS, *_FRACTIONS)))
    raise ConfigError(f"unknown flag {name!r}; there is {known}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
