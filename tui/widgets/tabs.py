"""The line of tabs: every view, its key, and where we are."""

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from tui.render.text import Line, Span, width
from tui.widgets.painting import Paint


class ViewTabs(Widget):
    """One line; a click on a tab asks for its view."""

    DEFAULT_CSS = """
    ViewTabs { height: 1; background: $panel; }
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, view: str) -> None:
            super().__init__()
            self.view = view

    def __init__(self, views: list[tuple[str, str, str]], active: str, note: str = "") -> None:
        """*views* are (name, key, title)."""
        super().__init__()
        self._views = views
        self._active = active
        self._note = note

    def set_note(self, note: str) -> None:
        """Breadcrumbs at the right end."""
        if note != self._note:
            self._note = note
            self.refresh()

    def render(self) -> Text:
        """All tabs."""
        line: Line = []
        narrow = self.size.width < 100
        for name, key, title in self._views:
            line += self._tab(name, key, title, narrow=narrow)
        gap = self.size.width - width(line) - len(self._note) - 1
        if self._note and gap > 0:
            line += [Span(" " * gap), Span(self._note, "dim")]
        return Paint.of(self.app).text(line)

    def _tab(self, name: str, key: str, title: str, *, narrow: bool) -> Line:
        shown = f" {title} " if narrow else f" {key} {title} "
        if name == self._active:
            return [Span(shown, "ground", is_bold=True, on="primary")]
        if narrow:
            return [Span(shown, "")]
        return [Span(f" {key} ", "accent"), Span(f"{title} ", "")]

    def on_click(self, event: events.Click) -> None:
        """Ask for the view under the pointer."""
        x, narrow = 0, self.size.width < 100
        for name, key, title in self._views:
            x += width(self._tab(name, key, title, narrow=narrow))
            if event.x < x:
                self.post_message(self.Chosen(name))
                return
