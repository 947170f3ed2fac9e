"""Labs: the course with progress; while a lab is being done, its task pane beside the cluster."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from textual import on
from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from engine.lab.course import Entry
from engine.lab.session import LabSession
from engine.lab.state import LabState
from tui import keymap
from tui.render import lab as render
from tui.render import overview
from tui.render.text import Line, Span
from tui.screens.view import View
from tui.session import Delta, Session
from tui.widgets.node_board import NodeBoard
from tui.widgets.pace import Pace
from tui.widgets.painting import Paint
from tui.widgets.panel import Panel
from tui.widgets.text_view import TextView


class Desk(Protocol):
    """A lab that is being done, and what a learner may ask of it."""

    session: LabSession
    language: str

    def ask(self, words: list[str]) -> str:
        """Do ``hint``, ``answer TEXT``, ``solution`` or ``reset``; what came of it, in words.

        Raises:
            EngineError: it cannot be done now.
        """


class LabsScreen(View):
    """The course, or the tasks of the lab that is being done and the cluster they are about."""

    NAME = "labs"
    CSS_PATH = "labs.tcss"
    AUTO_FOCUS = ""

    course = query_one("#course", OptionList)
    about = query_one("#about", Panel)
    pane = query_one("#task", TextView)
    board = query_one("#board", NodeBoard)
    rollouts = query_one("#rollouts", Panel)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.desk: Desk | None = None
        self.entries: list[Entry] = []
        self.states: Mapping[str, LabState] = {}
        self.language = "en"
        self._pace = Pace(self, self._panels)

    @property
    def crumbs(self) -> str:
        """Which lab."""
        return "" if self.desk is None else self.desk.session.lab.id

    @property
    def chosen(self) -> list[ApiObject]:
        """The node or pod under the cursor."""
        if self.desk is None or not self.is_mounted or not self.board.has_focus:
            return []
        selected = self.board.selected
        return [] if selected is None else [selected]

    def body(self) -> Iterator[Widget]:
        """The course on the whole screen, or tasks and cluster side by side."""
        with Vertical(id="list"):
            yield OptionList(id="course")
            yield Panel("", id="about")
        with Horizontal(id="desk"):
            yield TextView(id="task")
            with Vertical(id="cluster"):
                yield NodeBoard(id="board")
                yield Panel("Rollouts", id="rollouts")

    def use(self, desk: Desk) -> None:
        """Show the lab of *desk* from now on."""
        self.desk, self.language = desk, desk.language

    def is_offered(self, action: keymap.Action) -> bool:
        """What a learner asks is asked here."""
        if action.group == keymap.LAB:
            return self.desk is not None
        return super().is_offered(action)

    def rebuild(self) -> None:
        """Show everything as it is now."""
        self.query_one("#list").display = self.desk is None
        self.query_one("#desk").display = self.desk is not None
        if self.desk is None:
            self._show_course()
            return
        session = self.session
        self.pane.border_title = self.desk.session.lab.title
        self.board.show(session.objects(Node).values(), session.selected(Pod))
        if self.focused is None:
            self.pane.focus()
        self._panels()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if self.desk is None:
            return
        if delta.touches(Node, Pod):
            self.board.apply(delta, namespace=self.session.namespace)
        self._pace.ask()

    def on_second(self) -> None:
        """Let the clock move on."""
        self._show_task()

    def fit(self) -> None:
        """Cut the lines anew."""
        self._panels()

    def show_progress(self) -> None:
        """The lab has moved on."""
        if self.is_mounted and self.is_current:
            self._show_task()
            self.refresh_bindings()

    def _panels(self) -> None:
        if self.desk is None or not self.is_mounted:
            return
        session = self.session
        cells, lines = self.rollouts.room
        sets = list(session.objects(ReplicaSet).values())
        shown = overview.rollout_lines(session.selected(Deployment), sets, cells, lines)
        slices = list(session.objects(EndpointSlice).values())
        services = overview.service_lines(session.selected(Service), slices, cells)
        self.rollouts.show([*shown, [], *services][:lines])
        self._show_task()

    def _show_task(self) -> None:
        if self.desk is not None and self.is_mounted:
            cells = max(20, self.pane.room - 1)
            is_short = self.size.height < 32
            lines = render.pane(self.desk.session, self.language, cells, is_short=is_short)
            self.pane.show(lines)

    def _show_course(self) -> None:
        cells = max(40, self.course.content_size.width - 3)
        paint = Paint.of(self.app)
        at = self.course.highlighted
        self.course.clear_options()
        chapter = ""
        for entry in self.entries:
            if entry.chapter != chapter:
                chapter = entry.chapter
                head: Line = [Span(chapter, "accent", is_bold=True)]
                self.course.add_option(Option(paint.text(head), disabled=True))
            state = self.states.get(entry.id) if entry.kind == "lab" else None
            line = render.course_line(entry, state, self.language, cells)
            self.course.add_option(Option(paint.text(line), id=f"{entry.kind}/{entry.id}"))
        self.course.highlighted = 1 if at is None else at
        if self.focused is None:
            self.course.focus()

    @on(OptionList.OptionHighlighted, "#course")
    def _on_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        entry = self._entry(event.option_id)
        if entry is not None:
            cells, _ = self.about.room
            self.about.show(render.entry_lines(entry, max(20, cells)))

    @on(OptionList.OptionSelected, "#course")
    def _on_selected(self, event: OptionList.OptionSelected) -> None:
        entry = self._entry(event.option_id)
        if entry is not None:
            self.kubarium.open_entry(entry)

    def _entry(self, option: str | None) -> Entry | None:
        kind, _, name = (option or "").partition("/")
        return next((e for e in self.entries if (e.kind, e.id) == (kind, name)), None)
