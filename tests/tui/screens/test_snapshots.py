"""Every screen as it looks: large and small, dark and light."""

from typing import Protocol

import pytest
from textual.pilot import Pilot

from tests.tui.fixtures import demo_cluster
from tests.tui.memory_source import MemorySource
from tui.app import KubariumApp

SIZES = [(160, 50), (80, 24)]
THEMES = ["kubarium-dark", "kubarium-light"]
KEYS = {
    "overview": [],
    "resources": ["f3", "down"],
    "rollouts": ["f4", "down", "down"],
    "services": ["f5", "down"],
    "logs": ["f6"],
    "events": ["f7"],
    "store": ["f8"],
    "scheduling": ["f9"],
    "metrics": ["f10"],
    "faults": ["f11"],
    "fault-form": ["f11", "f"],
    "metrics-pods": ["f10", "m", "m"],
    "describe": ["f3", "d"],
    "yaml": ["f3", "y"],
    "help": ["question_mark"],
}


class SnapCompare(Protocol):
    """The fixture of pytest-textual-snapshot."""

    def __call__(
        self, app: KubariumApp, *, terminal_size: tuple[int, int], run_before: object
    ) -> bool:
        """Whether the app looks as it did."""


def _app(theme: str) -> KubariumApp:
    lines = tuple(f"2026-11-23T11:00:{n:02d}Z GET / 200 {n}ms version=v1" for n in range(12))
    app = KubariumApp(MemorySource.of(demo_cluster(), log_lines=lines), theme=theme)
    app.animation_level = "none"
    return app


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("screen", KEYS)
def test_screen(snap_compare: SnapCompare, screen: str, theme: str, size: tuple[int, int]) -> None:
    """The screen looks as it was approved."""

    async def run_before(pilot: Pilot[None]) -> None:
        await pilot.pause()
        for key in KEYS[screen]:
            await pilot.press(key)
            await pilot.pause()
        await pilot.pause(0.2)

    assert snap_compare(_app(theme), terminal_size=size, run_before=run_before)
