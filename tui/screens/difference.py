"""What differs between two revisions, object by object."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from tui.render.text import Line
from tui.widgets.text_view import TextView


class DifferenceScreen(ModalScreen[None]):
    """A page over the view."""

    DEFAULT_CSS = """
    DifferenceScreen { align: center middle; }
    DifferenceScreen TextView { width: 90%; height: 85%; border: round $primary;
        background: $surface; border-title-style: bold; padding: 0 1; }
    """
    BINDINGS = [Binding("escape,q", "dismiss", "Close", show=False)]

    def __init__(self, title: str, lines: list[Line]) -> None:
        super().__init__()
        self._title, self._lines = title, lines

    def compose(self) -> ComposeResult:
        """The page."""
        view = TextView()
        view.border_title = self._title
        view.border_subtitle = "esc"
        yield view

    def on_mount(self) -> None:
        """Show it."""
        view = self.query_one(TextView)
        view.show(self._lines)
        view.focus()
