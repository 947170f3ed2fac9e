"""The table never loses its place and paints only what is in view."""

from collections.abc import Sequence

import attrs
import pytest
from textual.app import App, ComposeResult
from textual.strip import Strip

from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from tests.tui.fixtures import NOW, make_pod
from tui.render.column import Column
from tui.render.columns import columns_for
from tui.render.rows import parse_filter
from tui.themes import DARK
from tui.widgets.object_table import ObjectTable

COLUMNS = columns_for(SCHEME.resource_of(Pod))


class CountingTable(ObjectTable):
    """A table that notes which of its lines are painted."""

    painted: list[int]

    def render_line(self, y: int) -> Strip:
        """Note the line, and paint it."""
        self.painted.append(y)
        return super().render_line(y)


class TableApp(App[None]):
    """A table and nothing else."""

    def __init__(self, pods: list[Pod], columns: Sequence[Column] = COLUMNS) -> None:
        super().__init__()
        self.columns = columns
        self.register_theme(DARK)
        self.theme = DARK.name
        self.pods: dict[str, ApiObject] = {pod.key: pod for pod in pods}

    def compose(self) -> ComposeResult:
        """The table."""
        table = CountingTable(now=lambda: NOW)
        table.painted = []
        yield table

    def on_mount(self) -> None:
        """Fill it."""
        self.table.show(self.columns, self.pods)
        self.table.focus()

    @property
    def table(self) -> CountingTable:
        """The table."""
        return self.query_one(CountingTable)


def _pods(count: int) -> list[Pod]:
    return [make_pod(f"web-{number:06d}", node="node-1") for number in range(count)]


def _text(table: ObjectTable) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


async def test_the_cursor_stays_on_its_object() -> None:
    """Rows that come before it move it down on the screen, not to another object."""
    app = TableApp(_pods(10))
    async with app.run_test(size=(120, 20)) as pilot:
        await pilot.press("down", "down", "down")
        chosen = app.table.selected
        assert chosen is not None

        first = make_pod("aaa", node="node-1")
        app.table.apply({first.key: (None, first)})
        await pilot.pause()

        assert app.table.selected is chosen
        assert _text(app.table)[1].split()[1] == "aaa"


async def test_a_removed_row_leaves_the_cursor_in_place() -> None:
    """The row that took its place is selected."""
    app = TableApp(_pods(5))
    async with app.run_test(size=(120, 20)) as pilot:
        await pilot.press("down", "down")
        gone = app.table.selected
        assert gone is not None

        app.table.apply({gone.key: (gone, None)})
        await pilot.pause()

        assert app.table.selected is app.pods["default/web-000003"]
        assert len(app.table) == 4


async def test_a_filter_hides_and_shows() -> None:
    """A changed object that no longer fits leaves; one that fits comes."""
    app = TableApp(_pods(20))
    async with app.run_test(size=(120, 30)) as pilot:
        app.table.filter(parse_filter("web-00001"))
        await pilot.pause()
        assert len(app.table) == 10

        more = make_pod("web-000011b", node="node-1")
        other = make_pod("api-1", node="node-1")
        app.table.apply({more.key: (None, more), other.key: (None, other)})

        assert len(app.table) == 11


async def test_the_last_of_many_rows_is_one_key_away() -> None:
    """End shows the last row, and the row above it."""
    app = TableApp(_pods(5000))
    async with app.run_test(size=(120, 20)) as pilot:
        await pilot.press("G")
        await pilot.pause()

        assert app.table.selected is app.pods["default/web-004999"]
        assert "web-004999" in _text(app.table)[-1]
        assert "web-004998" in _text(app.table)[-2]


async def test_a_change_in_view_paints_its_row_and_no_other() -> None:
    """The other rows stay on the screen as they are."""
    app = TableApp(_pods(20_000))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        app.table.painted.clear()

        pod = make_pod("web-000007", node="node-2")
        app.table.apply({pod.key: (None, pod)})
        await pilot.pause()

        assert set(app.table.painted) == {1 + 7}


async def test_a_change_out_of_view_paints_nothing() -> None:
    """It is seen when its row comes into view."""
    app = TableApp(_pods(20_000))
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        app.table.painted.clear()

        pod = make_pod("web-012345", node="node-2")
        app.table.apply({pod.key: (None, pod)})
        await pilot.pause()

        assert app.table.painted == []


@pytest.mark.parametrize("count", [100, 20_000])
async def test_the_rows_read_for_a_change_are_those_in_view(count: int) -> None:
    """The work of a change does not grow with the number of rows."""
    read: list[str] = []
    first = COLUMNS[0]

    def value(obj: ApiObject, now: float) -> str:
        read.append(obj.key)
        return first.value(obj, now)

    app = TableApp(_pods(count), [attrs.evolve(first, value=value), *COLUMNS[1:]])
    async with app.run_test(size=(120, 30)) as pilot:
        await pilot.pause()
        read.clear()

        pod = make_pod("web-000007", node="node-2")
        app.table.apply({pod.key: (None, pod)})
        await pilot.pause()

        in_view = app.table.size.height - 1
        assert len(set(read)) == in_view
        assert len(read) <= in_view + 2


async def test_marked_rows_are_acted_upon_together() -> None:
    """Space marks and goes on; without marks the row under the cursor counts."""
    app = TableApp(_pods(5))
    async with app.run_test(size=(120, 20)) as pilot:
        assert len(app.table.chosen) == 1

        await pilot.press("space", "space")

        assert [obj.metadata.name for obj in app.table.chosen] == ["web-000000", "web-000001"]


async def test_the_terminal_may_shrink_while_rows_come_and_go() -> None:
    """A resize in the middle of changes loses neither rows nor cursor."""
    app = TableApp(_pods(50))
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("down", "down")
        chosen = app.table.selected
        for width, height in ((80, 24), (40, 10), (20, 5), (160, 50)):
            await pilot.resize_terminal(width, height)
            pod = make_pod(f"new-{width}", node="node-1")
            app.table.apply({pod.key: (None, pod)})
            await pilot.pause()

        assert app.table.selected is chosen
        assert len(app.table) == 54
