"""Fixtures of the simulation's tests."""

import pytest

from tests.engine.kubelet.station import Station


@pytest.fixture
def station() -> Station:
    """A node whose kubelet has started."""
    found = Station()
    found.run(1.0)
    return found
