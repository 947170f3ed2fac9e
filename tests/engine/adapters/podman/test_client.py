"""What is left of a connection to Podman when its user is done."""

from pathlib import Path

import pytest

from engine.adapters.podman.client import PodmanClient, PodmanGone


async def test_a_closed_client_opens_nothing(tmp_path: Path) -> None:
    """Who asks after the close is refused, so that nobody leaves a connection open."""
    client = PodmanClient(f"unix://{tmp_path}/podman.sock")
    await client.close()

    with pytest.raises(PodmanGone, match="the client is closed"):
        await client.get("/info")


async def test_a_reset_client_connects_anew(tmp_path: Path) -> None:
    """After a reset, as when the service restarts, the next request dials again."""
    client = PodmanClient(f"unix://{tmp_path}/podman.sock")
    await client.reset()

    with pytest.raises(PodmanGone, match="No such file"):
        await client.get("/info")
    await client.close()
