"""The line of tabs: every view, its key, and where we are."""

from rich.cells import cell_len
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
        """All tabs, as long as there is room for; the one in front always."""
        line: Line = [span for _, spans in self._shown() for span in spans]
        gap = self.size.width - width(line) - cell_len(self._note) - 1
        if self._note and gap > 0:
            line += [Span(" " * gap), Span(self._note, "dim")]
        return Paint.of(self.app).text(line)

    def _shown(self) -> list[tuple[str, Line]]:
        """Name and text of each tab: keys and titles, titles, or their beginnings."""
        room = self.size.width
        found: list[tuple[str, Line]] = []
        for letters, has_keys in (
            (_LONGEST, True),
            (_LONGEST, False),
            (5, False),
            (4, False),
            (3, False),
        ):
            found = [
                (name, self._tab(name, key, title, letters=letters, has_keys=has_keys))
                for name, key, title in self._views
            ]
            if sum(width(line) for _, line in found) <= room:
                return found
        # What is left of the one in front gives way.
        while found[0][0] != self._active and _end_of(found, self._active) > room:
            found.pop(0)
        return found

    def _tab(self, name: str, key: str, title: str, *, letters: int, has_keys: bool) -> Line:
        if name == self._active:
            shown = f" {key} {title} " if has_keys else f" {title} "
            return [Span(shown, "ground", is_bold=True, on="primary")]
        if not has_keys:
            return [Span(f" {title[:letters]} ", "")]
        return [Span(f" {key} ", "accent"), Span(f"{title} ", "")]

    def on_click(self, event: events.Click) -> None:
        """Ask for the view under the pointer."""
        x = 0
        for name, line in self._shown():
            x += width(line)
            if event.x < x:
                self.post_message(self.Chosen(name))
                return


_LONGEST = 99


def _end_of(tabs: list[tuple[str, Line]], active: str) -> int:
    """The cell after the tab in front."""
    end = 0
    for name, line in tabs:
        end += width(line)
        if name == active:
            break
    return end
