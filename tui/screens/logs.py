"""Logs: what one pod, or all pods of a workload, print; live."""

import re
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from textual.binding import BindingType
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from engine.api.apps import Deployment, ReplicaSet
from engine.api.meta import ApiObject, controller_of
from engine.api.pod import Pod
from engine.errors import EngineError
from tui import keymap
from tui.language import say
from tui.render import pods as pods_
from tui.render import rollouts
from tui.render.logs import log_line
from tui.render.rows import FilterError
from tui.render.text import Line, Span, plural
from tui.screens.view import View
from tui.session import Delta, Session
from tui.source import LogOptions
from tui.widgets.painting import Paint
from tui.widgets.text_view import TextView

GATHER = 0.05
"""Seconds in which lines gather before they are shown."""


class LogsScreen(View):
    """Follows the logs of its target's pods; pods that join the target join the log."""

    NAME = "logs"
    CSS_PATH = "logs.tcss"
    AUTO_FOCUS = "TextView"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("f", "toggle_follow", "Follow"),
        ("t", "toggle_times", "Times"),
        ("w", "clear", "Clear"),
    ]

    text = query_one("#text", TextView)
    head = query_one("#head", Static)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._target: ApiObject | None = None
        self._is_previous = False
        self._has_times = False
        self._streams: dict[str, Worker[None]] = {}
        self._gathered: list[Line] = []

    @property
    def chosen(self) -> list[ApiObject]:
        """What we listen to."""
        return [] if self._target is None else [self._target]

    @property
    def crumbs(self) -> str:
        """Whose log it is."""
        target = self._target
        return "" if target is None else f"{target.KIND.lower()} → {target.metadata.name}"

    def is_offered(self, action: keymap.Action) -> bool:
        """A filter here finds text."""
        return action.id != "logs"

    def body(self) -> Iterator[Widget]:
        """A head line and the text."""
        yield Static("", id="head")
        yield TextView(id="text")

    def listen(self, target: ApiObject, *, is_previous: bool = False) -> None:
        """Show the log of another target."""
        self._target = target
        self._is_previous = is_previous
        if self.is_mounted and self.is_running:
            self._restart()

    def rebuild(self) -> None:
        """Listen to the newest workload if nobody said to whom."""
        if self._target is None:
            found = self.session.selected(Deployment)
            self._target = max(
                found, key=lambda d: d.metadata.creation_timestamp or 0.0, default=None
            )
        self.text.is_following = True
        self._restart()

    def mark_stale(self) -> None:
        """The namespace does not matter here."""

    def on_screen_resume(self) -> None:
        """New pods may have joined meanwhile."""
        self._is_stale = False
        if self._target is not None and self.is_mounted:
            self._join()

    def apply(self, delta: Delta) -> None:
        """Listen to pods that joined the target."""
        if delta.touches(Pod):
            self._join()
        target = self._target
        if target is not None:
            change = delta.of(type(target)).get(target.key)
            if change is not None and change[1] is not None:
                self._target = change[1]

    def set_filter(self, text: str) -> None:
        """Find *text*."""
        try:
            self.text.find(text)
        except re.error as error:
            msg = f"not a regular expression: {error}"
            raise FilterError(msg) from error
        self.filter_text = text

    def action_toggle_follow(self) -> None:
        """Stay at the end, or stay here."""
        self.text.is_following = not self.text.is_following
        if self.text.is_following:
            self.text.scroll_end(animate=False)
        self._show_head()

    def action_toggle_times(self) -> None:
        """Show when each line was printed, or not."""
        self._has_times = not self._has_times
        self._restart()

    def action_clear(self) -> None:
        """Begin with an empty page."""
        self.text.show([])

    def _pods(self) -> list[Pod]:
        target = self._target
        if isinstance(target, Pod):
            return [target]
        owners = {target.metadata.uid} if target is not None else set()
        if isinstance(target, Deployment):
            sets = rollouts.sets_of(target, self.session.objects(ReplicaSet).values())
            owners = {item.metadata.uid for item in sets}
        return [
            pod
            for pod in self.session.objects(Pod).values()
            if (owner := controller_of(pod)) is not None and owner.uid in owners
        ]

    def _restart(self) -> None:
        for worker in self._streams.values():
            worker.cancel()
        self._streams.clear()
        self._gathered.clear()
        self.text.show([])
        self._join()
        self.refresh_crumbs()
        self.chosen_changed()

    def _join(self) -> None:
        for pod in self._pods():
            running = self._streams.get(pod.key)
            if running is not None and not (running.is_finished and pods_.restarts(pod)):
                continue
            if running is not None and self._is_previous:
                continue
            if not pod.spec.node_name or pod.status.phase in ("", "Pending"):
                continue
            number = len(self._streams)
            tail = 200 if running is None else 0
            self._streams[pod.key] = self.begin(
                partial(self._follow, pod, number, tail), group="logs"
            )
        self._show_head()

    async def _follow(self, pod: Pod, number: int, tail: int) -> None:
        owner = "" if isinstance(self._target, Pod) else pods_.short_name(pod)
        options = LogOptions(
            container=pod.spec.containers[0].name,
            tail_lines=tail,
            follow=not self._is_previous,
            previous=self._is_previous,
            timestamps=self._has_times,
        )
        meta = pod.metadata
        try:
            async for text in self.session.source.logs(meta.namespace, meta.name, options):
                self._gather(log_line(text, owner, number))
        except EngineError as error:
            self._gather([Span(f"{pods_.short_name(pod)}: {error}", "wait")])

    def _gather(self, line: Line) -> None:
        self._gathered.append(line)
        if len(self._gathered) == 1:
            self.set_timer(GATHER, self._pour)

    def _pour(self) -> None:
        lines, self._gathered = self._gathered, []
        self.text.append(lines)

    def _show_head(self) -> None:
        target = self._target
        if target is None:
            line: Line = [Span(" " + say("choose a pod or deployment and press l"), "dim")]
        else:
            line = [
                Span(f" {target.KIND.lower()}/{target.metadata.name}", "accent", is_bold=True),
                Span(f"   {plural(len(self._streams), 'pod')}", "dim"),
                Span(f"   {say('previous run')}" if self._is_previous else "", "wait"),
            ]
            following = self.text.is_following
            line.append(
                Span(
                    "   " + (say("▼ follows") if following else say("‖ stays")),
                    "ok" if following else "wait",
                )
            )
        self.head.update(Paint.of(self.app).text(line))
