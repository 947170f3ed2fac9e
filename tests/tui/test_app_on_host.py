"""The app from the keyboard, on a real cluster in its own process."""

import asyncio
from pathlib import Path

from engine.api.kubarium import Fault
from tests.tui.hosts import standing_host
from tui.app import KubariumApp
from tui.embedded import EmbeddedSource
from tui.screens.dialogs import Confirm
from tui.screens.events import EventsScreen
from tui.screens.overview import OverviewScreen
from tui.screens.resources import ResourcesScreen
from tui.screens.rollouts import RolloutsScreen
from tui.screens.services import ServicesScreen


async def test_every_view_opens_and_a_crash_becomes_a_fault(tmp_path: Path) -> None:
    """What is typed reaches the cluster, and what is there reaches the screen."""
    async with asyncio.timeout(30), standing_host(tmp_path) as host:
        app = KubariumApp(EmbeddedSource(host))
        app.animation_level = "none"
        async with app.run_test(size=(160, 50)) as pilot:
            shown: list[type[object]] = []
            for key in ("f2", "f4", "f5", "f7", "f3"):
                await pilot.press(key)
                await pilot.pause()
                shown.append(type(app.screen))
            assert shown == [
                OverviewScreen, RolloutsScreen, ServicesScreen, EventsScreen, ResourcesScreen,
            ]  # fmt: skip
            resources = app.screen
            assert isinstance(resources, ResourcesScreen)
            assert len(resources.rows) == 3 + 9  # the demo application and the components

            await pilot.press("f2", "right", "x")
            await pilot.pause()
            assert isinstance(app.screen, Confirm)
            assert not host.cluster.list(Fault)
            await pilot.press("y")
            await app.workers.wait_for_complete()

            (fault,) = host.cluster.list(Fault)
            assert fault.spec.type == "node.crash"
            assert fault.spec.target.nodes == ("node-1",)
