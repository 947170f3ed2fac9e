"""A real Podman for the tests of this folder: one host for each module and strategy."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
import pytest_asyncio

from engine.adapters.network.host import HostNetwork
from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.preflight import Preflight, inspect_host
from tests.podman.driver import Driver


@pytest.fixture(scope="session")
def preflight() -> Preflight:
    """What this machine can do; the tests here fail, rather than skip, where it cannot."""
    found = inspect_host()
    assert found.usable, found.reason
    return found


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["routed", "plain"])
async def host(
    request: pytest.FixtureRequest, preflight: Preflight, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PodmanHost]:
    """A started host with its images loaded."""
    state: Path = tmp_path_factory.mktemp("podman")
    found = attrs.evolve(preflight, is_routed=request.param == "routed")
    assert preflight.is_routed
    host = PodmanHost(instance=f"kubarium-{state.name}", state=state, preflight=found)
    await host.start()
    assert host.images_ready is not None
    await host.images_ready
    network = HostNetwork(slot=host.slot)
    await network.open([host.slot.node_address(1)])
    yield host
    await network.close()
    await host.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def node(host: PodmanHost) -> AsyncIterator[Driver]:
    """A node of its own for one test."""
    index = len(host.runtimes) + 1
    driver = Driver(host, f"node-{index}", index)
    yield driver
    driver.runtime.power_off()
    await driver.runtime.settle()
