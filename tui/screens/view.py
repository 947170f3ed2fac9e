"""What every view has: header, tabs, a body, a footer, and deltas while it is in front."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer

from engine.api.meta import ApiObject
from tui.session import Delta, Session
from tui.widgets.header import ClusterHeader
from tui.widgets.tabs import ViewTabs

VIEWS = [
    ("overview", "F2", "Overview"),
    ("resources", "F3", "Resources"),
    ("rollouts", "F4", "Rollouts"),
    ("services", "F5", "Services"),
    ("logs", "F6", "Logs"),
    ("events", "F7", "Events"),
]


class View(Screen[None]):
    """A screen over the session. In the background it notes that it is stale and waits."""

    NAME: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._is_stale = False

    @property
    def current_object(self) -> ApiObject | None:
        """What actions of this view act upon."""
        return None

    def compose(self) -> ComposeResult:
        """Header, tabs, body, footer."""
        yield ClusterHeader(self.session)
        yield ViewTabs(VIEWS, self.NAME, self.crumbs)
        yield from self.body()
        yield Footer(show_command_palette=False)

    def body(self) -> Iterator[Widget]:
        """What this view shows."""
        raise NotImplementedError

    @property
    def crumbs(self) -> str:
        """Where in this view we are, for the right end of the tabs."""
        return ""

    def on_mount(self) -> None:
        """Follow the cluster."""
        self.session.deltas.subscribe(self, self._on_delta)
        self.session.ticks.subscribe(self, self._on_tick)
        self.call_after_refresh(self.rebuild)

    def on_screen_resume(self) -> None:
        """Catch up with what happened meanwhile."""
        if self._is_stale:
            self._is_stale = False
            self.rebuild()

    def rebuild(self) -> None:
        """Show everything as it is now."""

    def apply(self, delta: Delta) -> None:
        """Show what changed. Called only while this view is in front."""

    def on_second(self) -> None:
        """Let ages move on. Called only while this view is in front."""

    def _on_delta(self, delta: Delta) -> None:
        if self.is_current:
            self.apply(delta)
        else:
            self._is_stale = True

    def _on_tick(self, _now: float) -> None:
        if self.is_current:
            self.on_second()
