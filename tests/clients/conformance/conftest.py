"""A bare client of the served cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conformance.rest import Rest


@pytest.fixture(scope="session")
def rest(served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """Requests as the cluster's administrator."""
    client = Rest.of(served, tmp_path_factory.mktemp("keys"))
    yield client
    client.http.close()


@pytest.fixture
def namespace(rest: Rest) -> str:
    """A new namespace."""
    return rest.namespace()


@pytest.fixture(scope="session")
def shared(rest: Rest) -> str:
    """A namespace for tests that do not mind each other."""
    return rest.namespace()
