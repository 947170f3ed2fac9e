"""A framed panel of lines that repaints only when its lines change."""

from rich.text import Text
from textual.widget import Widget

from tui.render.text import Line
from tui.widgets.painting import Paint
from tui.widgets.room import RoomChanged


class Panel(Widget):
    """Lines of text in a frame with a title."""

    DEFAULT_CSS = """
    Panel {
        height: 1fr; border: round $border; border-title-color: $foreground;
        border-title-style: bold; border-subtitle-color: $accent; padding: 0 1;
        background: $background;
    }
    Panel.-bare { border: none; }
    """

    def __init__(self, title: str = "", *, id: str | None = None, classes: str = "") -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self.border_title = title or None
        self._lines: list[Line] = []

    @property
    def room(self) -> tuple[int, int]:
        """Cells and lines inside the frame."""
        return self.content_size.width, self.content_size.height

    def on_resize(self) -> None:
        """Have the lines cut anew."""
        self.post_message(RoomChanged())

    def show(self, lines: list[Line]) -> None:
        """Show *lines*."""
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render(self) -> Text:
        """The lines."""
        return Paint.of(self.app).text(*self._lines)
