"""A view of objects in a table, ``#rows``."""

from textual.getters import query_one

from engine.api.meta import ApiObject
from tui.screens.view import View
from tui.session import Delta
from tui.widgets.object_table import ObjectTable


class TableView(View):
    """What is chosen and filtered is the table's."""

    AUTO_FOCUS = "ObjectTable"

    rows = query_one("#rows", ObjectTable)

    @property
    def table(self) -> ObjectTable:
        """The objects."""
        return self.rows

    @property
    def chosen(self) -> list[ApiObject]:
        """The marked objects, or the one under the cursor."""
        return self.rows.chosen if self.is_mounted else []

    def apply_rows(self, delta: Delta, kind: type[ApiObject]) -> None:
        """Show what changed of *kind* in the namespace that is shown."""
        namespace = self.session.namespace
        self.rows.apply(
            {
                key: change
                for key, change in delta.of(kind).items()
                if not namespace or "/" not in key or key.startswith(f"{namespace}/")
            }
        )
