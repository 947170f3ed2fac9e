"""The Metrics screen from the keyboard: on a cluster in its own process, and attached to one."""

import asyncio
from pathlib import Path

from engine.api.codec import decode
from engine.host import Host
from tests.tui.hosts import standing_host
from tui.app import KubariumApp
from tui.attached import AttachedSource
from tui.embedded import EmbeddedSource
from tui.render.text import plain
from tui.screens.metrics import MetricsScreen
from tui.source import Source

AUTOSCALER = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "hello", "namespace": "default"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hello"},
        "minReplicas": 4,
        "maxReplicas": 6,
    },
}


async def _check(source: Source) -> None:
    app = KubariumApp(source)
    app.animation_level = "none"
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("f10")
        await app.workers.wait_for_complete()
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, MetricsScreen)
        selected = screen.rows.selected
        assert selected is not None
        assert selected.metadata.name == "hello"
        assert "Deployment/hello has 4" in _text(screen)
        assert "ValidMetricFound" in _text(screen)
        assert "4 pods: the last" in _text(screen)

        await pilot.press("m")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert len(screen.rows) == 4
        assert "cpu" in _text(screen)


async def test_an_autoscaler_is_explained(tmp_path: Path) -> None:
    """What it sees, what it wants, why; then nodes with their history."""
    async with asyncio.timeout(60), standing_host(tmp_path) as host:
        _autoscale(host)
        await _check(EmbeddedSource(host))


async def test_the_same_over_http(tmp_path: Path) -> None:
    """Attached, the screen tells the same."""
    async with asyncio.timeout(60), standing_host(tmp_path) as host:
        _autoscale(host)
        await _check(AttachedSource.from_kubeconfig(host.kubeconfig))


def _autoscale(host: Host) -> None:
    host.cluster.apply(decode(AUTOSCALER))
    host.cluster.run_for(60.0)


def _text(screen: MetricsScreen) -> str:
    return "\n".join(plain(line) for line in screen.detail.lines)
