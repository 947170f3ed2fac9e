"""A scenario on the screen, and the cluster as it was, from the keyboard."""

import asyncio
from pathlib import Path

from engine.api.apps import Deployment
from engine.scenario.loader import load_scenario
from tests.tui.hosts import standing_host
from tui.app import KubariumApp
from tui.embedded import EmbeddedSource
from tui.screens.difference import DifferenceScreen
from tui.stage_screen import StageScreen
from tui.widgets.script_pane import ScriptPane
from tui.widgets.time_bar import TimeBar

ROLLOUT = Path("scenarios/first-rollout.toml")


async def test_a_scenario_is_held_stepped_and_told(tmp_path: Path) -> None:
    """The pane shows the steps; the keys hold it, and play one step at a time."""
    async with asyncio.timeout(30), standing_host(tmp_path) as host:
        app = KubariumApp(EmbeddedSource(host))
        app.animation_level = "none"
        player = host.make_player(load_scenario(ROLLOUT), on_change=app.show_player)
        player.screen = StageScreen(app, tmp_path)
        app.player = player
        loop = host.cluster.loop
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("comma")
            loop.call_soon(player.start)
            loop.run_for(30.0)
            held = player.is_paused, len(player.results)

            await pilot.press("full_stop")
            loop.run_for(30.0)
            await pilot.pause(0.3)

            assert [held, (player.is_paused, len(player.results))] == [(True, 0), (True, 1)]
            pane = app.screen.query_one(ScriptPane)
            assert "Deploy the first version" in pane.render().plain
            assert "paused" in str(pane.border_subtitle)
            assert "kept" in player.screen.snapshot("now")
            assert (tmp_path / "now.svg").read_text(encoding="utf-8").startswith("<svg")


def replicas(app: KubariumApp) -> list[int | None]:
    """What the deployments on the screen ask for."""
    return [found.spec.replicas for found in app.session.objects(Deployment).values()]


async def test_every_view_shows_the_cluster_as_it_was(tmp_path: Path) -> None:
    """Back in time, on another view, and at the present again; the past cannot be changed."""
    async with asyncio.timeout(30), standing_host(tmp_path) as host:
        app = KubariumApp(EmbeddedSource(host))
        app.animation_level = "none"
        loop = host.cluster.loop
        before = host.cluster.store.revision
        patch = {"spec": {"replicas": 7}}
        name = host.cluster.list(Deployment)[0].metadata.name
        host.cluster.admin.patch(Deployment, name, patch, namespace="default")
        loop.run_for(20.0)
        async with app.run_test(size=(160, 50)) as pilot:
            await pilot.press("H")
            await pilot.pause(0.2)
            app.screen.query_one(TimeBar).go(before)
            await app.workers.wait_for_complete()

            assert replicas(app) == [3]
            assert app.session.info.revision == before
            await pilot.press("f3")
            await pilot.pause(0.2)
            assert app.screen.query_one(TimeBar).revision == before

            app.show_difference(before, host.cluster.store.revision)
            await app.workers.wait_for_complete()
            await pilot.pause(0.2)
            assert isinstance(app.screen, DifferenceScreen)
            await pilot.press("escape")
            await pilot.pause(0.1)
            await pilot.press("escape")
            await pilot.pause(0.2)

            assert app.session.past is None
            assert replicas(app) == [7]
