"""Faults: what is broken on purpose, with countdowns; a form for more; the invariants, live."""

from collections.abc import Iterator

from textual import on, work
from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.api.kubarium import Fault, Invariant
from engine.api.meta import ApiObject
from engine.errors import EngineError
from tui.language import say
from tui.render import faults
from tui.render.text import Span
from tui.screens.view import View
from tui.session import Delta
from tui.widgets.object_table import ObjectTable
from tui.widgets.panel import Panel


class FaultsScreen(View):
    """Faults above, the chosen one below; invariants beside them."""

    NAME = "faults"
    CSS_PATH = "faults.tcss"
    AUTO_FOCUS = "ObjectTable"

    rows = query_one("#rows", ObjectTable)
    detail = query_one("#detail", Panel)
    promises = query_one("#promises", Panel)

    @property
    def table(self) -> ObjectTable:
        """The faults."""
        return self.rows

    @property
    def chosen(self) -> list[ApiObject]:
        """The fault under the cursor."""
        return self.rows.chosen if self.is_mounted else []

    @property
    def crumbs(self) -> str:
        """How many are in force."""
        active = sum(
            1 for fault in self.session.objects(Fault).values() if fault.status.phase == "Active"
        )
        return say("{count} active", count=active) if active else say("nothing is broken")

    def body(self) -> Iterator[Widget]:
        """Table, detail, invariants."""
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield ObjectTable(now=lambda: self.session.now, id="rows")
                yield Panel(say("Fault"), id="detail")
            yield Panel(say("Invariants"), id="promises")

    def on_mount(self) -> None:
        """Ask about the invariants too."""
        super().on_mount()
        self._ask()

    def on_screen_resume(self) -> None:
        """Ask anew."""
        super().on_screen_resume()
        self._ask()

    def rebuild(self) -> None:
        """Show everything as it is now."""
        self.rows.show(faults.columns(), dict(self.session.objects(Fault)))
        self._show_detail()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(Fault):
            self.rows.apply(delta.of(Fault))
            self._show_detail()
            self.refresh_crumbs()
            self.refresh_bindings()

    def on_second(self) -> None:
        """Let countdowns run."""
        self.rows.move_on()
        self._show_detail()
        self._ask()

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self._show_detail()
        self.chosen_changed()

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        self.kubarium.open_object(event.obj)

    def _show_detail(self) -> None:
        fault = self.rows.selected
        if not isinstance(fault, Fault):
            words = say("nothing is broken: f makes a fault, ! ends them all")
            self.detail.show([[Span(words, "faint")]])
            return
        self.detail.show(faults.detail_lines(fault, self.session.now, self.detail.room[0]))

    @work(exclusive=True, exit_on_error=False)
    async def _ask(self) -> None:
        try:
            found = await self.session.source.list(Invariant)
        except EngineError as error:
            self.promises.show([[Span(str(error), "bad")]])
            return
        broken = sum(1 for one in found if not one.status.get("holds", True))
        self.promises.border_subtitle = (
            say("{count} broken", count=broken) if broken else say("{count} hold", count=len(found))
        )
        self.promises.show(faults.invariant_lines(found, self.promises.room[0]))
