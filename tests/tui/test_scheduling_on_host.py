"""The Scheduling screen from the keyboard, on a real cluster in its own process."""

import asyncio
from pathlib import Path

from engine.api.codec import decode
from engine.api.pod import Pod
from tests.tui.hosts import standing_host
from tui.app import KubariumApp
from tui.embedded import EmbeddedSource
from tui.render.text import plain
from tui.screens.scheduling import SchedulingScreen


async def test_a_waiting_pod_is_explained_and_a_question_answered(tmp_path: Path) -> None:
    """Its row comes first; ``w`` asks, and the answer changes nothing in the cluster."""
    async with asyncio.timeout(30), standing_host(tmp_path) as host:
        requests = {"requests": {"cpu": "30"}}
        wanted = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "big", "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "demo", "resources": requests}]},
        }
        host.cluster.apply(decode(wanted))
        host.cluster.run_for(2.0)
        app = KubariumApp(EmbeddedSource(host))
        app.animation_level = "none"
        async with app.run_test(size=(160, 50)) as pilot:
            await pilot.press("f9")
            await app.workers.wait_for_complete()
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, SchedulingScreen)
            selected = screen.rows.selected
            assert selected is not None
            assert selected.metadata.name == "big"
            assert len(screen.rows) == 4
            assert "0/4 nodes are available" in _text(screen)

            await pilot.press("w", *"node-1", "space", *"cpu", "equals_sign", "plus", "3", "0")
            await pilot.press("enter")
            await app.workers.wait_for_complete()
            await pilot.pause()

            assert "it would go to node-1" in _text(screen)
            assert host.cluster.get(Pod, "big", namespace="default").spec.node_name == ""


def _text(screen: SchedulingScreen) -> str:
    return "\n".join(plain(line) for line in screen.decision.lines)
