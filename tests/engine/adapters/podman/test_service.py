"""Where the Podman service listens."""

from pathlib import Path

from engine.adapters.podman.service import LONGEST_ADDRESS, socket_of


def test_the_socket_lies_with_the_state(tmp_path: Path) -> None:
    """As long as a unix address can hold its path."""
    state = Path("/var/lib/kubarium")

    assert socket_of(state) == state / "podman.sock"


def test_a_path_too_long_for_a_unix_address_is_exchanged(tmp_path: Path) -> None:
    """For a short one, always the same, and another one for another state."""
    deep = tmp_path / ("a" * 60) / ("b" * 60)

    found = socket_of(deep)

    assert len(str(found)) <= LONGEST_ADDRESS
    assert socket_of(deep) == found
    assert socket_of(deep / "c") != found
