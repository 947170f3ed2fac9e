"""A view of one kind: its objects in a table, and more about the one under the cursor."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from textual import on

from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME
from tui.render.column import Column
from tui.render.columns import columns_for
from tui.screens.table_view import TableView
from tui.session import Delta
from tui.widgets.object_table import ObjectTable


class ListDetailView(TableView):
    """A table ``#rows`` of the objects of *LISTED*; what is shown of the chosen one is the view's.

    It is shown anew when something of *DETAILED* changes.
    """

    LISTED: ClassVar[type[ApiObject]]
    DETAILED: ClassVar[tuple[type[ApiObject], ...]]

    def columns(self) -> Sequence[Column]:
        """What the table says of each object."""
        resource = SCHEME.resource_of(self.LISTED)
        return columns_for(resource, is_namespace_shown=not self.session.namespace)

    def rebuild(self) -> None:
        """Show everything as it is now."""
        self.rows.show(self.columns(), {obj.key: obj for obj in self.session.selected(self.LISTED)})
        self.show_detail()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(self.LISTED):
            self.apply_rows(delta, self.LISTED)
        if delta.touches(*self.DETAILED):
            self.show_detail()

    def on_second(self) -> None:
        """Let ages move on."""
        self.rows.move_on()
        self.show_detail()

    def fit(self) -> None:
        """Cut the lines anew."""
        self.show_detail()

    @abstractmethod
    def show_detail(self) -> None:
        """Show what there is about the object under the cursor."""

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self.show_detail()
        self.chosen_changed()

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        self.kubarium.open_object(event.obj)
