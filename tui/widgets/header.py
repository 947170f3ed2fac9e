"""The two lines at the top of every screen: context and pulse."""

from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from engine.api.apps import Deployment
from engine.api.node import Node
from engine.api.pod import Pod
from tui.render import pulse as pulse_
from tui.render.text import Line, fit_line
from tui.session import Delta, Session
from tui.widgets.pace import Pace
from tui.widgets.painting import Paint


class ClusterHeader(Widget):
    """Context, version and speed; nodes, pods, rollouts, pending, restarts, events, revision."""

    DEFAULT_CSS = """
    ClusterHeader { height: auto; background: $surface; color: $foreground; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._pulse = pulse_.Pulse()
        self._shown: list[Line] = []
        self._pace = Pace(self, self._take)

    def on_mount(self) -> None:
        """Follow the cluster."""
        self._session.deltas.subscribe(self, self._on_delta)
        self._session.ticks.subscribe(self, self._on_tick)
        self._take()

    def _on_delta(self, delta: Delta) -> None:
        if not self.screen.is_current:
            return
        if delta.touches(Node, Pod, Deployment):
            self._pace.ask()
        else:
            self._refresh_if_changed()

    def _on_tick(self, _now: float) -> None:
        if self.screen.is_current:
            self._pace.ask()

    def _take(self) -> None:
        self._pulse = self._session.pulse()
        self._refresh_if_changed()

    def _lines(self) -> list[Line]:
        session, cells = self._session, self.size.width
        info = session.info
        return [
            pulse_.where(info, session.namespace, cells, is_readonly=session.is_readonly),
            pulse_.vital_signs(self._pulse, info.revision, cells),
            *([fit_line(session.story, cells)] if session.story else []),
        ]

    def _refresh_if_changed(self) -> None:
        lines = self._lines()
        if lines != self._shown:
            self.refresh(layout=len(lines) != len(self._shown))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual asks so
        """Two lines, and one more while a scenario plays."""
        return 3 if self._session.story else 2

    def render(self) -> Text:
        """Both lines."""
        self._shown = self._lines()
        return Paint.of(self.app).text(*self._shown)
