"""Services: each with its addresses, and the endpoints behind the chosen one, live."""

from collections.abc import Iterator

from textual import on
from textual.getters import query_one
from textual.widget import Widget

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.load import Load
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from tui.render.columns import columns_for
from tui.render.load import load_lines
from tui.render.service_detail import service_detail
from tui.render.text import Line, Span
from tui.screens.view import View
from tui.session import Delta
from tui.widgets.object_table import ObjectTable
from tui.widgets.panel import Panel


class ServicesScreen(View):
    """Services above, the chosen one's endpoints below."""

    NAME = "services"
    CSS_PATH = "services.tcss"
    AUTO_FOCUS = "ObjectTable"

    rows = query_one("#rows", ObjectTable)
    detail = query_one("#detail", Panel)

    @property
    def table(self) -> ObjectTable:
        """The services."""
        return self.rows

    @property
    def chosen(self) -> list[ApiObject]:
        """The service under the cursor."""
        return self.rows.chosen if self.is_mounted else []

    def body(self) -> Iterator[Widget]:
        """Table and panel."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")
        yield Panel("Service", id="detail")

    def on_mount(self) -> None:
        """Follow traffic too."""
        super().on_mount()
        self.run_worker(self.session.watch(Load), exit_on_error=False)

    def rebuild(self) -> None:
        """Show everything as it is now."""
        resource = SCHEME.resource_of(Service)
        columns = columns_for(resource, is_namespace_shown=not self.session.namespace)
        self.rows.show(columns, {obj.key: obj for obj in self.session.selected(Service)})
        self._show_detail()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(Service):
            namespace = self.session.namespace
            changes = delta.of(Service)
            self.rows.apply(
                {
                    key: change
                    for key, change in changes.items()
                    if not namespace or key.startswith(f"{namespace}/")
                }
            )
        if delta.touches(Service, EndpointSlice, Pod, Load):
            self._show_detail()

    def on_second(self) -> None:
        """Let ages move on."""
        self.rows.move_on()

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self._show_detail()
        self.chosen_changed()

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        self.kubarium.open_object(event.obj)

    def _show_detail(self) -> None:
        obj = self.rows.selected
        if not isinstance(obj, Service):
            self.detail.show([[Span("no services here", "faint")]])
            return
        slices = self.session.objects(EndpointSlice).values()
        lines: list[Line] = []
        for load in self.session.objects(Load).values():
            meta, spec = load.metadata, load.spec
            if meta.namespace == obj.metadata.namespace and spec.service == obj.metadata.name:
                what = f"{spec.pattern} {spec.rate:g}/s"
                lines += [*load_lines(meta.name, what, load.status, self.detail.room[0]), []]
        pods = self.session.objects(Pod)
        self.detail.show(lines + service_detail(obj, slices, pods, "cluster.local"))
