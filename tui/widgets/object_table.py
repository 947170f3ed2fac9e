"""A table of objects that paints only the rows in view and never loses its place."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.api.meta import ApiObject
from tui import keymap
from tui.language import say
from tui.render.column import Column
from tui.render.rows import Keep, RowIndex
from tui.render.table import Said, column_at, column_widths, head_line, row_line, texts_of
from tui.render.text import Line, Span
from tui.widgets.painting import Paint

NARROW = 110
"""Below so many cells, spare columns are left out."""

_AT_ONCE = 250


class ObjectTable(ScrollView, can_focus=True):
    """Rows of objects under columns; 150,000 rows cost no more than the 40 in view.

    Promises: the cursor stays on its object while rows come, go and move; when that object goes,
    the cursor takes the row that took its place.
    """

    BINDINGS = [*keymap.TABLE]

    DEFAULT_CSS = """
    ObjectTable { background: $background; scrollbar-size: 1 1; height: 1fr; overflow-x: hidden; }
    """

    class Selected(Message):
        """The cursor stands on another row, or its object has changed."""

        def __init__(self, table: "ObjectTable", obj: ApiObject | None) -> None:
            super().__init__()
            self.table = table
            self.obj = obj

    class Opened(Message):
        """A row was chosen."""

        def __init__(self, obj: ApiObject) -> None:
            super().__init__()
            self.obj = obj

    def __init__(self, *, now: Callable[[], float], id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._now = now
        self._offered: tuple[Column, ...] = ()
        self._columns: tuple[Column, ...] = ()
        self._sort_column = 0
        self._rows = RowIndex(lambda obj: obj.key)
        self._source: dict[str, ApiObject] = {}
        self._keep: Keep | None = None
        self._said = Said()
        self._cursor = ""
        self._cursor_row = 0
        self._marked: set[str] = set()
        self._widths: list[int] = []
        self._strips: dict[str, tuple[tuple[str, ...], bool, bool, Strip]] = {}
        self._paint: Paint | None = None
        self.nothing = ""
        """What is said when there are no rows."""

    # What is shown

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def selected(self) -> ApiObject | None:
        """The object under the cursor."""
        return self._rows.get(self._cursor)

    @property
    def chosen(self) -> list[ApiObject]:
        """The marked objects, or the one under the cursor."""
        marked = [self._rows.get(key) for key in sorted(self._marked)]
        found = [obj for obj in marked if obj is not None]
        one = self.selected
        return found or ([one] if one is not None else [])

    @property
    def sort_name(self) -> str:
        """The name of the column that gives the order."""
        return self._columns[self._sort_column].name if self._columns else ""

    def show(
        self,
        columns: Sequence[Column],
        objects: Mapping[str, ApiObject],
        *,
        sort: str = "",
        is_descending: bool | None = None,
    ) -> None:
        """Show these objects under these columns; the cursor stays if its object is there."""
        self._offered = tuple(columns)
        columns = [c for c in columns if self.size.width >= NARROW or not c.is_spare]
        names = [column.name for column in columns]
        wanted = sort or self.sort_name
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._widths = []
            self._said = Said()
            self._sort_column = names.index(wanted) if wanted in names else min(1, len(names) - 1)
        elif sort and sort in names:
            self._sort_column = names.index(sort)
        if is_descending is not None:
            self._rows.is_descending = is_descending
        self._source = dict(objects)
        self._refill()

    def filter(self, keep: Keep | None) -> None:
        """Show only rows that *keep* keeps."""
        if keep is not None or self._keep is not None:
            self._keep = keep
            self._refill()

    def expect_filter(self) -> None:
        """Read what the rows say, a few at a time, while a filter is about to be typed."""
        self._read_ahead(iter(list(self._source.items())))

    def _read_ahead(self, rows: Iterator[tuple[str, ApiObject]]) -> None:
        if self._said.learn(islice(rows, _AT_ONCE), self._columns, self._now()):
            self.call_later(self._read_ahead, rows)

    def apply(self, changes: Mapping[str, tuple[ApiObject | None, ApiObject | None]]) -> None:
        """Show what changed, touching only those rows."""
        moved = False
        changed = []
        for key, (_, new) in changes.items():
            if new is None:
                self._source.pop(key, None)
                self._marked.discard(key)
                self._strips.pop(key, None)
                moved |= self._rows.remove(key)
                continue
            self._source[key] = new
            if self._is_kept(new):
                moved |= self._rows.put(key, new)
                changed.append(key)
            else:
                moved |= self._rows.remove(key)
        if moved:
            self._settle()
            return
        if self._measure():
            self.refresh()
            return
        for key in changed:
            self._refresh_row(key)
        if self._cursor in changes:
            self.post_message(self.Selected(self, self.selected))

    def move_on(self) -> None:
        """Repaint the rows in view whose text has changed with time."""
        for row in self._window():
            key = self._rows.key_at(row)
            known = self._strips.get(key)
            if known is not None and self._cells(self._rows.at(row)) != known[0]:
                self._refresh_row(key)

    def select(self, key: str) -> None:
        """Put the cursor on an object."""
        row = self._rows.position(key)
        if row >= 0:
            self._go(row)

    # Keys and mouse

    def action_move(self, step: int) -> None:
        """One row down or up."""
        self._go(self._cursor_row + step)

    def action_page(self, step: int) -> None:
        """One page down or up."""
        self._go(self._cursor_row + step * max(1, self.size.height - 2))

    def action_jump(self, row: int) -> None:
        """To the first or last row."""
        self._go(row if row >= 0 else len(self._rows) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        obj = self.selected
        if obj is not None:
            self.post_message(self.Opened(obj))

    def action_toggle_mark(self) -> None:
        """Mark the row, or take its mark away, and go on."""
        if self._cursor:
            self._marked ^= {self._cursor}
            self._refresh_row(self._cursor)
            self._go(self._cursor_row + 1)

    def action_sort_next(self) -> None:
        """Order by the next column that has an order."""
        count = len(self._columns)
        for step in range(1, count + 1):
            index = (self._sort_column + step) % count
            if self._columns[index].sort is not None:
                self._sort_column = index
                break
        self._refill()

    def action_sort_turn(self) -> None:
        """Turn the order round."""
        self._rows.is_descending = not self._rows.is_descending
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """Select the row; twice opens it; a click on a column orders by it."""
        if event.y == 0:
            self._order_by(event.x)
            return
        row = event.y - 1 + self.scroll_offset.y
        if row < len(self._rows):
            self._go(row)
            if event.chain > 1:
                self.action_open()

    def on_resize(self) -> None:
        """Measure anew."""
        self._widths = []
        if self._offered:
            self.show(self._offered, self._source)

    def on_mount(self) -> None:
        """Repaint when the theme changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._forget())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Measure what comes into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value) and self._measure():
            self.refresh()

    # Painting

    def render_line(self, y: int) -> Strip:
        """The head, or one row."""
        paint = self._paint = self._paint or Paint.of(self.app)
        cells = self.size.width
        if len(self._widths) != len(self._columns):
            # The first paint may come before the first resize event.
            self._measure()
        if y == 0:
            return paint.strip(self._head(), cells, base=self.rich_style)
        row = y - 1 + self.scroll_offset.y
        if row >= len(self._rows):
            text = self._why_empty() if row == 0 else ""
            return paint.strip([Span(f"  {text}", "dim")], cells, base=self.rich_style)
        return self._row_strip(row, paint, cells)

    def _row_strip(self, row: int, paint: Paint, cells: int) -> Strip:
        key, obj = self._rows.key_at(row), self._rows.at(row)
        texts = self._cells(obj)
        is_cursor, is_marked = key == self._cursor, key in self._marked
        known = self._strips.get(key)
        if known is not None and known[:3] == (texts, is_cursor, is_marked):
            strip = known[3]
            if strip.cell_length == cells:
                return strip
        ground = ("accent" if self.has_focus else "primary-soft") if is_cursor else ""
        is_lit = is_cursor and self.has_focus
        line = row_line(
            self._columns,
            texts,
            self._widths,
            lambda column: "ground" if is_lit else column.tone(obj),
            is_marked=is_marked,
            ground=ground,
        )
        base = self.rich_style + paint.style("", on=ground) if ground else self.rich_style
        strip = paint.strip(line, cells, base=base)
        self._strips[key] = (texts, is_cursor, is_marked, strip)
        if len(self._strips) > 2000:
            self._strips.clear()
        return strip

    def _why_empty(self) -> str:
        if self._source:
            return say("nothing that the filter keeps; esc clears it")
        return self.nothing or say("nothing here")

    def _head(self) -> Line:
        return head_line(
            self._columns,
            self._widths,
            sorted_by=self._sort_column,
            is_descending=self._rows.is_descending,
        )

    def _cells(self, obj: ApiObject) -> tuple[str, ...]:
        return texts_of(self._columns, obj, self._now())

    # Keeping place

    def _is_kept(self, obj: ApiObject) -> bool:
        return self._keep is None or self._keep(obj, " ".join(self._cells(obj)))

    def _refill(self) -> None:
        column = self._columns[self._sort_column] if self._columns else None
        sort: Callable[[ApiObject], Any] | None = column.sort if column else None
        descending = self._rows.is_descending
        # Rows of one value stand in the order of their keys.
        self._rows = RowIndex(sort or (lambda obj: obj.key), descending)
        self._rows.fill(self._said.kept(self._source, self._keep, self._columns, self._now()))
        self._strips.clear()
        self._settle()

    def _settle(self) -> None:
        """Find the cursor again after rows have moved."""
        count = len(self._rows)
        self.virtual_size = Size(self.size.width, count + 1)
        row = self._rows.position(self._cursor) if self._cursor else -1
        if row < 0:
            row = max(0, min(self._cursor_row, count - 1))
            self._cursor = self._rows.key_at(row) if count else ""
        offset = self._cursor_row - self.scroll_offset.y
        self._cursor_row = row
        room = max(1, self.size.height - 1)
        if count > room and not 0 <= row - self.scroll_offset.y < room:
            self.scroll_to(y=max(0, row - max(0, min(offset, room - 1))), animate=False)
        self._measure()
        self.refresh()
        self.post_message(self.Selected(self, self.selected))

    def _go(self, row: int) -> None:
        count = len(self._rows)
        if not count:
            return
        row = max(0, min(row, count - 1))
        before = self._cursor
        self._cursor_row, self._cursor = row, self._rows.key_at(row)
        if before == self._cursor:
            return
        top, room = self.scroll_offset.y, max(1, self.size.height - 1)
        if row < top:
            self.scroll_to(y=row, animate=False)
        elif row >= top + room:
            self.scroll_to(y=row - room + 1, animate=False)
        else:
            self._refresh_row(before)
            self._refresh_row(self._cursor)
        self.post_message(self.Selected(self, self.selected))

    def _window(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(len(self._rows), top + max(1, self.size.height - 1)))

    def _measure(self) -> bool:
        """Let columns grow to what is in view; True if any did."""
        if not self._columns or not self.size.width:
            return False
        rows = (self._cells(self._rows.at(row)) for row in self._window())
        natural = column_widths(self._columns, rows, self.size.width, self._widths)
        if natural == self._widths:
            return False
        self._widths = natural
        self._strips.clear()
        return True

    def _order_by(self, x: int) -> None:
        index = column_at(self._widths, x)
        if index == self._sort_column:
            self.action_sort_turn()
        elif index is not None and self._columns[index].sort is not None:
            self._sort_column = index
            self._refill()

    def _refresh_row(self, key: str) -> None:
        row = self._rows.position(key)
        y = row + 1 - self.scroll_offset.y
        if row >= 0 and 0 < y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _forget(self) -> None:
        self._paint = None
        self._strips.clear()
        self.refresh()

    def on_focus(self) -> None:
        """Show the cursor as one that moves."""
        self._strips.pop(self._cursor, None)

    def on_blur(self) -> None:
        """Show the cursor as one that waits."""
        self._strips.pop(self._cursor, None)
