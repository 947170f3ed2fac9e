"""A real cluster with simulated containers, for tests of what stands on one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.host import Host
from engine.hosting.options import HostOptions

SETTLE_SECONDS = 20.0
"""Virtual seconds until the demo application runs."""


@asynccontextmanager
async def standing_host(tmp_path: Path) -> AsyncIterator[Host]:
    """A cluster with the demo application, whose time passes only where a test says so."""
    options = HostOptions(
        runtime="simulated",
        listen=("127.0.0.1", 0),
        kubeconfig=tmp_path / "kubeconfig",
        demo=True,
    )
    host = Host(options)
    try:
        await host.start(is_driven=False)
        host.cluster.loop.run_for(SETTLE_SECONDS)
        yield host
    finally:
        await host.stop()
