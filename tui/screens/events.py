"""Events: what happened, newest first; enter opens what it happened to."""

from collections.abc import Iterator

from textual import on
from textual.widget import Widget

from engine.api.events import Event
from engine.api.scheme import SCHEME
from tui.language import say
from tui.render.columns import columns_for
from tui.screens.table_view import TableView
from tui.session import Delta
from tui.widgets.object_table import ObjectTable


class EventsScreen(TableView):
    """All events as a table."""

    NAME = "events"
    CSS_PATH = "events.tcss"

    @property
    def crumbs(self) -> str:
        """Namespace and filter."""
        return f"/{self.filter_text}" if self.filter_text else ""

    def body(self) -> Iterator[Widget]:
        """The table."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")

    def rebuild(self) -> None:
        """Show everything as it is now."""
        columns = columns_for(
            SCHEME.resource_of(Event), is_namespace_shown=not self.session.namespace
        )
        is_first = not self.rows.sort_name
        self.rows.show(
            columns,
            {obj.key: obj for obj in self.session.selected(Event)},
            sort="LAST SEEN" if is_first else "",
            is_descending=True if is_first else None,
        )
        self.chosen_changed()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(Event):
            self.apply_rows(delta, Event)

    def on_second(self) -> None:
        """Let ages move on."""
        self.rows.move_on()

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self.chosen_changed()

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        assert isinstance(event.obj, Event)
        ref = event.obj.involved_object
        resource = SCHEME.find(ref.kind)
        key = f"{ref.namespace}/{ref.name}" if resource and resource.namespaced else ref.name
        found = self.session.get(resource.cls, key) if resource else None
        if found is None:
            self.notify(say("{name} is gone", name=f"{ref.kind.lower()}/{ref.name}"), markup=False)
        else:
            self.kubarium.open_detail(found, "describe")
