"""Signals by name and number."""

import pytest

from engine.adapters.podman.signals import signal_name, signal_number


@pytest.mark.parametrize(
    ("text", "number", "name"),
    [
        ("SIGTERM", 15, "SIGTERM"),
        ("QUIT", 3, "SIGQUIT"),
        ("10", 10, "SIGUSR1"),
        ("SIGRTMIN+3", 37, "SIGRTMIN+3"),
        ("SIGRTMAX-2", 62, "SIGRTMAX-2"),
        ("SIGNONE", None, ""),
        ("", None, ""),
    ],
)
def test_signals_have_names_and_numbers(text: str, number: int | None, name: str) -> None:
    """Whichever an image or a manifest gives."""
    assert signal_number(text) == number
    assert signal_name(text) == name
