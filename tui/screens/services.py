"""Services: each with its addresses, and the endpoints behind the chosen one, live."""

from collections.abc import Iterator
from functools import partial

from textual.getters import query_one
from textual.widget import Widget

from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.load import Load
from engine.api.pod import Pod
from tui.language import say
from tui.render.load import load_lines
from tui.render.service_detail import service_detail
from tui.render.text import Line, Span
from tui.screens.list_detail import ListDetailView
from tui.widgets.object_table import ObjectTable
from tui.widgets.panel import Panel


class ServicesScreen(ListDetailView):
    """Services above, the chosen one's endpoints below."""

    NAME = "services"
    CSS_PATH = "services.tcss"
    LISTED = Service
    DETAILED = (Service, EndpointSlice, Pod, Load)

    detail = query_one("#detail", Panel)

    def body(self) -> Iterator[Widget]:
        """Table and panel."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")
        yield Panel("Service", id="detail")

    def on_mount(self) -> None:
        """Follow traffic too."""
        super().on_mount()
        self.begin(partial(self.session.watch, Load))

    def on_second(self) -> None:
        """Let ages move on."""
        self.rows.move_on()

    def show_detail(self) -> None:
        """Show the chosen one, or that there is none."""
        obj = self.rows.selected
        if not isinstance(obj, Service):
            self.detail.show([[Span(say("no services here"), "faint")]])
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
