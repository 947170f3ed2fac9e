"""A lab on the screen: the task pane, hints, answers, points, the course; wide and narrow."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.lab.course import Entry, entries, find_lab
from engine.lab.progress import Progress
from tests.tui.hosts import standing_host
from tui.app import KubariumApp
from tui.embedded import EmbeddedSource
from tui.lab_host import LabHost
from tui.render.text import plain, width, wrap
from tui.screens.labs import LabsScreen


@asynccontextmanager
async def begun(tmp_path: Path, language: str) -> AsyncIterator[LabHost]:
    """A lab that has been begun, whose time passes only where a test says so."""
    options = argparse.Namespace(
        runtime="simulated", nodes=None, listen=("127.0.0.1", 0), kubeconfig=tmp_path / "kc",
        seed=1, speed=1.0, learner="mina", lang=language, fresh=False,
    )  # fmt: skip
    lab = find_lab("lab-first-deployment", learner="mina", lang=language)
    running = LabHost(lab, options, Progress(tmp_path / "progress"))
    try:
        await running.start()
        running.host.pacer.pause()
        running.host.cluster.run_for(30.0)
        yield running
    finally:
        await running.stop()


def _text(screen: LabsScreen) -> str:
    return "\n".join(plain(line) for line in screen.pane.lines)


@pytest.mark.parametrize("size", [(160, 50), (80, 24)], ids=["wide", "narrow"])
async def test_a_lab_is_done_beside_the_cluster(tmp_path: Path, size: tuple[int, int]) -> None:
    """What is missing is said, a hint costs, the answer is typed, points appear, all is kept."""
    async with asyncio.timeout(60), begun(tmp_path, "en") as running:
        app = KubariumApp(EmbeddedSource(running.host))
        app.animation_level = "none"
        app.show_lab(running)
        running.on_change = lambda _session: app.show_lab_progress()
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.3)
            screen = app.screen
            assert isinstance(screen, LabsScreen)
            assert "There is no Deployment" in _text(screen)
            assert all(width(line) <= size[0] for line in screen.pane.lines)

            await pilot.press("h")
            await app.workers.wait_for_complete()
            assert running.session.state.tasks[0].hints == (0,)
            running.host.cluster.journal.call("lab", running.session.carry_out_solution)
            running.host.cluster.run_for(30.0)
            await pilot.pause(0.3)
            assert "Who made the pods?" in _text(screen)

            await pilot.press("a")
            await pilot.pause(0.3)
            await pilot.press(*"ReplicaSet", "enter")
            await app.workers.wait_for_complete()
            await pilot.pause(0.3)

            assert running.session.state.points == 20
            assert "Change your mind" in _text(screen)
        kept = Progress(tmp_path / "progress").load("mina", "lab-first-deployment")
        assert kept is not None
        assert kept.points == 20


async def test_a_lab_speaks_korean(tmp_path: Path) -> None:
    """The same tasks in Korean; wide characters stay inside the pane."""
    async with asyncio.timeout(60), begun(tmp_path, "ko") as running:
        app = KubariumApp(EmbeddedSource(running.host))
        app.show_lab(running)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(0.3)
            screen = app.screen
            assert isinstance(screen, LabsScreen)
            assert "아직 없습니다" in _text(screen)
            assert all(width(line) <= 80 for line in screen.pane.lines)


async def test_the_course_is_offered_and_leads_to_a_command(tmp_path: Path) -> None:
    """Scenarios and labs by chapter; enter leaves for the chosen one."""
    async with asyncio.timeout(60), standing_host(tmp_path) as host:
        app = KubariumApp(EmbeddedSource(host))
        course: list[Entry] = [*entries("scenario")[:2], *entries("lab")[:2]]
        app.show_course(course, {}, "en")
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.press("f12")
            await pilot.pause(0.3)
            await pilot.press("enter")
            await pilot.pause(0.3)

    assert app.next_command == ["play", "first-deployment"]


def test_words_are_wrapped_by_cells() -> None:
    """A wide character takes two; commands keep their indentation."""
    assert wrap("하나 둘 셋", 6) == ["하나", "둘 셋"]
    assert wrap("one two\nthree\n\n  a b", 9) == ["one two", "three", "", "  a b"]
    assert wrap("abcdefgh", 4) == ["abcd", "efgh"]
