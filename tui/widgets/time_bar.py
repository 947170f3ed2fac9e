"""The slider over revisions: where we look, how far the history reaches, play and step."""

from rich.text import Text
from textual import events, work
from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget

from engine.errors import EngineError
from tui.language import say
from tui.render.past import bar_lines, revision_at
from tui.session import Session
from tui.widgets.painting import Paint

PLAY_EVERY = 0.25
"""Seconds between two frames of the past."""


class TimeBar(Widget, can_focus=True):
    """Two lines below a view. Everything above shows the revision under the knob."""

    DEFAULT_CSS = """
    TimeBar { height: 4; background: $surface; color: $foreground;
              border: round $warning; border-title-color: $warning; border-title-style: bold; }
    TimeBar:focus { border: round $primary; border-title-color: $primary; }
    """
    BINDINGS = [
        Binding("left", "move(-1)", "Step back", show=True),
        Binding("right", "move(1)", "Step"),
        Binding("shift+left,pageup", "move(-20)", "Back 20", show=False),
        Binding("shift+right,pagedown", "move(20)", "On 20", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end,escape", "live", "Live"),
        Binding("space", "play", "Play"),
        Binding("m", "mark", "Mark"),
        Binding("D", "diff", "Diff with mark"),
        Binding("plus", "pace(2.0)", "Faster", show=False),
        Binding("minus", "pace(0.5)", "Slower", show=False),
    ]

    class Closed(Message):
        """Back at the present."""

    class Diff(Message):
        """Two revisions to compare."""

        def __init__(self, old: int, new: int) -> None:
            super().__init__()
            self.old, self.new = old, new

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._oldest = 1
        self._mark: int | None = None
        self._is_playing = False
        self._pace = 1.0
        self._wanted: int | None = None

    def on_mount(self) -> None:
        """Learn how far the history reaches."""
        self.border_title = say("Time")
        self.set_interval(PLAY_EVERY, self._frame)
        self._learn()
        self.focus()

    @property
    def revision(self) -> int:
        """The revision that is shown, or about to be."""
        if self._wanted is not None:
            return self._wanted
        past = self._session.past
        return self._session.newest if past is None else past.revision

    @work(exclusive=True, group="history")
    async def _learn(self) -> None:
        try:
            status = await self._session.store(self._session.newest)
        except EngineError:
            # A server that is no Kubarium does not say; asking too far back will.
            return
        self._oldest = max(1, status.compaction.compact_revision)
        self.refresh()

    def go(self, revision: int) -> None:
        """Show *revision*, or the nearest that is kept."""
        self._wanted = min(max(revision, self._oldest), self._session.newest)
        self._travel()
        self.refresh()

    @work(exclusive=True, group="travel")
    async def _travel(self) -> None:
        wanted = self._wanted
        try:
            await self._session.travel(wanted)
        except EngineError as error:
            self._is_playing = False
            self.notify(str(error), title=f"Revision {wanted}", severity="warning", markup=False)
        finally:
            if self._wanted == wanted:
                self._wanted = None
            self.refresh()

    def _frame(self) -> None:
        if not self._is_playing:
            self.refresh()
            return
        following = self.revision + max(1, round(self._pace * 2))
        if following >= self._session.newest:
            self._is_playing = False
        self.go(following)

    def action_move(self, count: int) -> None:
        """Step *count* revisions."""
        self._is_playing = False
        self.go(self.revision + count)

    def action_first(self) -> None:
        """Go to the oldest revision that is kept."""
        self.go(self._oldest)

    def action_play(self) -> None:
        """Let history run, or stop it."""
        self._is_playing = not self._is_playing
        self.refresh()

    def action_pace(self, factor: float) -> None:
        """Let history run faster or slower."""
        self._pace = min(64.0, max(0.5, self._pace * factor))
        self.refresh()

    def action_mark(self) -> None:
        """Remember this revision, to compare another with it."""
        self._mark = self.revision
        self.refresh()

    def action_diff(self) -> None:
        """Compare with the mark, or with the revision before."""
        old = self._mark if self._mark is not None else self.revision - 1
        self.post_message(self.Diff(*sorted((old, self.revision))))

    def action_live(self) -> None:
        """Back to the present."""
        self.post_message(self.Closed())

    def on_click(self, event: events.Click) -> None:
        """Go where was clicked."""
        room = self.content_size.width
        self.go(revision_at(event.x - 1, room, self._oldest, self._session.newest))

    def render(self) -> Text:
        """The slider and what it says."""
        session = self._session
        lines = bar_lines(
            self.revision,
            self._oldest,
            session.newest,
            self.content_size.width,
            time=session.now,
            mark=self._mark,
            is_playing=self._is_playing,
            pace=self._pace,
        )
        return Paint.of(self.app).text(*lines)
