"""The app as a scenario uses it: views, keys, pictures, questions, and looks into the past."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from engine.scenario.steps import PromptStep
from tui.app import KubariumApp
from tui.screens.dialogs import Ask


class StageScreen:
    """Acts on *app* soon, on its own thread; pictures go into *folder*."""

    def __init__(self, app: KubariumApp, folder: Path) -> None:
        self._app = app
        self._folder = folder
        self._tasks: set[asyncio.Task[None]] = set()

    def show(self, view: str, kind: str, filter_text: str) -> None:
        """Show a view, or a kind in the resources view."""
        line = f"{kind} /{filter_text}" if kind and filter_text else kind
        self._soon(lambda: self._app.run_command(line or view))

    def press(self, keys: tuple[str, ...], every: float) -> None:
        """Press keys, one each *every* seconds."""
        if keys:
            self._task(self._press(keys, every))

    async def _press(self, keys: tuple[str, ...], every: float) -> None:
        pilot = Pilot(self._app)
        for key in keys:
            await asyncio.sleep(every)
            await pilot.press(key)

    def seek(self, revision: int | None) -> None:
        """Show the cluster as it was, or as it is."""
        self._soon(lambda: self._app.show_time(revision))

    def snapshot(self, name: str) -> str:
        """Keep the screen as SVG."""
        safe = re.sub(r"[^\w.-]+", "-", name)
        path = self._folder / f"{safe}.svg"
        if not self._app.is_running:
            return "the screen is not open yet"
        path.write_text(self._app.export_screenshot(title="Kubarium"), encoding="utf-8")
        return f"kept {path}"

    def ask(self, step: PromptStep, answered: Callable[[str], None]) -> None:
        """Ask in a dialog; escaped, the default is the answer."""
        if self._app.is_headless:
            answered(step.default)
            return

        def check(value: str) -> str:
            if step.choices and value not in step.choices:
                return f"one of {', '.join(step.choices)}"
            return ""

        dialog = Ask("The scenario asks", step.text, step.default, check=check)
        self._soon(
            lambda: self._app.push_screen(
                dialog, lambda value: answered(step.default if value is None else value)
            )
        )

    def _soon(self, act: Callable[[], object]) -> None:
        app: App[None] = self._app
        self._task(self._when_running(app, act))

    async def _when_running(self, app: App[None], act: Callable[[], object]) -> None:
        while not app.is_running:  # noqa: ASYNC110 - Textual has no event for it
            await asyncio.sleep(0.05)
        app.call_later(act)

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
