"""Overview: every node as a card, its pods as cells; rollouts, services and events beside."""

from collections.abc import Iterator

from textual import on
from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.events import Event
from engine.api.kubarium import Fault
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from tui.language import say
from tui.render import events as events_
from tui.render import overview
from tui.screens.view import View
from tui.session import Delta, Session
from tui.widgets.node_board import NodeBoard
from tui.widgets.pace import Pace
from tui.widgets.panel import Panel


class OverviewScreen(View):
    """The whole cluster at a glance."""

    NAME = "overview"
    CSS_PATH = "overview.tcss"
    AUTO_FOCUS = "NodeBoard"

    board = query_one("#board", NodeBoard)
    rollouts = query_one("#rollouts", Panel)
    services = query_one("#services", Panel)
    events = query_one("#events", Panel)
    summary = query_one("#summary", Panel)

    @property
    def chosen(self) -> list[ApiObject]:
        """The node or pod under the cursor."""
        selected = self.board.selected if self.is_mounted else None
        return [] if selected is None else [selected]

    def body(self) -> Iterator[Widget]:
        """The board and its panels."""
        with Horizontal(id="columns"):
            with Vertical(id="main"):
                yield NodeBoard(id="board")
                yield Panel(id="summary", classes="-bare")
                yield Panel(say("Events"), id="events")
            with Vertical(id="side"):
                yield Panel(say("Rollouts"), id="rollouts")
                yield Panel(say("Services"), id="services")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._pace = Pace(self, self._panels)

    def rebuild(self) -> None:
        """Show everything as it is now."""
        session = self.session
        self.board.show(session.objects(Node).values(), session.selected(Pod))
        self._mark_faults()
        self._panels()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(Node, Pod):
            self.board.apply(delta, namespace=self.session.namespace)
        if delta.touches(Fault):
            self._mark_faults()
        self._pace.ask()

    def on_second(self) -> None:
        """Let ages move on."""
        self._show_events()
        self._show_summary()

    def fit(self) -> None:
        """Cut the lines anew."""
        self._panels()

    @on(NodeBoard.Selected)
    def _on_selected(self) -> None:
        self._show_summary()
        self.chosen_changed()

    @on(NodeBoard.Opened)
    def _on_opened(self, event: NodeBoard.Opened) -> None:
        self.kubarium.open_detail(event.obj, "describe")

    def _mark_faults(self) -> None:
        marks: dict[str, tuple[str, ...]] = {}
        for fault in self.session.objects(Fault).values():
            if fault.status.phase in ("", "Active"):
                for node in fault.spec.target.nodes:
                    word = fault.spec.type.rpartition(".")[2]
                    marks[node] = (*marks.get(node, ()), word)
        self.board.mark(marks)

    def _panels(self) -> None:
        session = self.session
        sets = list(session.objects(ReplicaSet).values())
        cells, lines = self.rollouts.room
        self.rollouts.show(overview.rollout_lines(session.selected(Deployment), sets, cells, lines))
        cells, lines = self.services.room
        slices = list(session.objects(EndpointSlice).values())
        self.services.show(overview.service_lines(session.selected(Service), slices, cells)[:lines])
        self._show_events()
        self._show_summary()

    def _show_events(self) -> None:
        cells, lines = self.events.room
        newest = events_.newest(self.session.selected(Event), lines)
        self.events.show([events_.event_line(e, self.session.now, cells) for e in newest])

    def _show_summary(self) -> None:
        cells, _ = self.summary.room
        line = overview.summary(
            self.board.selected, self.session.objects(Pod), self.session.now, cells
        )
        self.summary.show([line])
