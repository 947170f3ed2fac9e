"""Long text that scrolls: descriptions, YAML, logs. Only the lines in view are painted."""

import re
from collections.abc import Iterable

from textual.binding import Binding
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.render.text import Line, Span, plain, width
from tui.widgets.painting import Paint
from tui.widgets.room import RoomChanged


class TextView(ScrollView, can_focus=True):
    """Lines with tones; follows its end if asked to; finds a regular expression."""

    BINDINGS = [
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("g,home", "scroll_home", "Top", show=False),
        Binding("G,end", "scroll_end", "End", show=False),
        Binding("n", "find(1)", "Next match", show=False),
        Binding("N", "find(-1)", "Previous match", show=False),
    ]

    DEFAULT_CSS = """
    TextView { background: $background; scrollbar-size: 1 1; height: 1fr; padding: 0 1; }
    """

    def __init__(self, *, limit: int = 50_000, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._text: list[Line] = []
        self._limit = limit
        self._found: re.Pattern[str] | None = None
        self._paint: Paint | None = None
        self._longest = 0
        self._room = 0
        self.is_following = False

    def on_mount(self) -> None:
        """Repaint when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._forget())

    def on_resize(self) -> None:
        """Have the lines cut anew if they have another width now, a scrollbar's included."""
        if self.room != self._room:
            self._room = self.room
            self.post_message(RoomChanged())

    @property
    def room(self) -> int:
        """Cells for a line."""
        return self.scrollable_content_region.width

    def __len__(self) -> int:
        return len(self._text)

    @property
    def lines(self) -> list[Line]:
        """All lines, those out of view too."""
        return self._text

    def show(self, lines: list[Line]) -> None:
        """Show exactly these lines; the place stays."""
        if lines == self._text:
            return
        self._text = lines
        self._longest = max((width(line) for line in lines), default=0)
        self._fit()

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines at the end; the oldest go when there are too many."""
        for line in lines:
            self._text.append(line)
            self._longest = max(self._longest, width(line))
        if len(self._text) > self._limit:
            del self._text[: len(self._text) - self._limit]
        self._fit()

    def find(self, text: str) -> int:
        """Mark what matches *text* and go there; how many lines match.

        Raises:
            re.error: *text* is not a regular expression.
        """
        self._found = re.compile(text, re.IGNORECASE) if text else None
        self.refresh()
        if self._found is None:
            return 0
        count = sum(1 for line in self._text if self._found.search(plain(line)))
        if count:
            self.action_find(1)
        return count

    def action_find(self, step: int) -> None:
        """To the next or previous match."""
        if self._found is None or not self._text:
            return
        total, here = len(self._text), self.scroll_offset.y
        for distance in range(1, total + 1):
            row = (here + step * distance) % total
            if self._found.search(plain(self._text[row])):
                self.is_following = False
                self.scroll_to(y=row, animate=False)
                return

    def render_line(self, y: int) -> Strip:
        """One line."""
        paint = self._paint = self._paint or Paint.of(self.app)
        x, top = self.scroll_offset
        row, cells = y + top, self.scrollable_content_region.width
        if row >= len(self._text):
            return Strip.blank(cells, self.rich_style)
        line = self._text[row]
        if self._found is not None and self._found.search(plain(line)):
            line = [Span("▶", "accent", is_bold=True, on="primary-soft"), *line]
        strip = Strip(paint.segments(line, base=self.rich_style))
        return strip.crop_extend(x, x + cells, self.rich_style)

    def _fit(self) -> None:
        self.virtual_size = Size(self._longest, len(self._text))
        if self.is_following:
            self.scroll_end(animate=False)
        self.refresh()

    def _forget(self) -> None:
        self._paint = None
        self.refresh()
