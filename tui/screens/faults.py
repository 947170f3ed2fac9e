"""Faults: what is broken on purpose, with countdowns; a form for more; the invariants, live."""

from collections.abc import Iterator, Sequence

from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.api.kubarium import Fault, Invariant
from engine.errors import EngineError
from tui.language import say
from tui.render import faults
from tui.render.column import Column
from tui.render.text import Span
from tui.screens.list_detail import ListDetailView
from tui.session import Delta
from tui.widgets.object_table import ObjectTable
from tui.widgets.panel import Panel


class FaultsScreen(ListDetailView):
    """Faults above, the chosen one below; invariants beside them."""

    NAME = "faults"
    CSS_PATH = "faults.tcss"
    LISTED = Fault
    DETAILED = (Fault,)

    detail = query_one("#detail", Panel)
    promises = query_one("#promises", Panel)

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

    def columns(self) -> Sequence[Column]:
        """Type, state, what it touches, and what is left of its time."""
        return faults.columns()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        super().apply(delta)
        if delta.touches(Fault):
            self.refresh_crumbs()
            self.refresh_bindings()

    def on_second(self) -> None:
        """Let countdowns run."""
        super().on_second()
        self._ask()

    def show_detail(self) -> None:
        """What the chosen one does, and for how long; or that nothing is broken."""
        fault = self.rows.selected
        if not isinstance(fault, Fault):
            words = say("nothing is broken: f makes a fault, ! ends them all")
            self.detail.show([[Span(words, "faint")]])
            return
        self.detail.show(faults.detail_lines(fault, self.session.now, self.detail.room[0]))

    def _ask(self) -> None:
        self.begin(self._fetch, is_alone=True)

    async def _fetch(self) -> None:
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
