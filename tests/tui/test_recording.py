"""A session that is recorded in the app, from the middle of a cluster's life."""

import asyncio
from pathlib import Path

import pytest

from engine.api.apps import Deployment
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.errors import ConfigError
from engine.host import Host
from engine.hosting.options import HostOptions
from engine.scenario.loader import load_scenario
from engine.scenario.player import Player
from engine.scenario.view import ClusterView
from tui import operations
from tui.embedded import EmbeddedSource


def _host(folder: Path) -> Host:
    return Host(
        HostOptions(
            runtime="simulated",
            listen=("127.0.0.1", 0),
            kubeconfig=folder / "kubeconfig",
            demo=True,
        )
    )


def test_it_begins_with_what_was_there_and_plays_on_a_new_cluster(tmp_path: Path) -> None:
    """The saved scenario makes the demo application first, then does what was done."""
    file = tmp_path / "session.toml"

    async def record() -> str:
        host = _host(tmp_path)
        try:
            await host.start(is_driven=False)
            source = EmbeddedSource(host)
            host.cluster.loop.run_for(20.0)
            source.controls.record(file)
            assert source.info.is_recording
            found = await source.get(Deployment, "hello", "default")
            await operations.scale(source, found, 5)
            host.cluster.loop.run_for(10.0)
            return source.controls.stop_recording()
        finally:
            await host.stop()

    said = asyncio.run(record())

    assert str(file) in said
    scenario = load_scenario(file)
    assert [step.do for step in scenario.step] == [
        "apply", "wait", "scale", "wait", "check",
    ]  # fmt: skip
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(3), seed=scenario.seed))
    cluster.start()
    client = cluster.client("scenario", groups=("system:masters",))
    player = Player(scenario, client, ClusterView(client, lambda _url, _done: None))
    player.start()
    cluster.run_for(120.0)
    cluster.stop()
    assert (player.is_done, player.message) == (True, "")


def test_a_folder_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    """Not after an hour of work."""

    async def record() -> None:
        host = _host(tmp_path)
        try:
            await host.start(is_driven=False)
            source = EmbeddedSource(host)
            with pytest.raises(ConfigError, match="there is no folder"):
                source.controls.record(tmp_path / "gone" / "session.toml")
            assert not source.info.is_recording
        finally:
            await host.stop()

    asyncio.run(record())
