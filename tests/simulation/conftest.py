"""A simulated cluster in virtual time."""

from collections.abc import Iterator

import pytest

from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One control plane node and three workers, ready."""
    found = Cluster(config=ClusterConfig(nodes=make_nodes(3)))
    found.start()
    found.run_for(15.0)
    yield found
    found.stop()
