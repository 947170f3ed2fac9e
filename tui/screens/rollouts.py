"""Rollouts: every deployment, and the chosen one's replica sets filling and emptying."""

from collections.abc import Iterator

from textual import on
from textual.containers import Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.api.apps import Deployment, ReplicaSet
from engine.api.events import Event
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from tui.render.columns import columns_for
from tui.render.describe import events_of
from tui.render.events import event_line
from tui.render.rollout_detail import rollout_detail
from tui.render.text import Span
from tui.screens.view import View
from tui.session import Delta
from tui.widgets.object_table import ObjectTable
from tui.widgets.panel import Panel


class RolloutsScreen(View):
    """Deployments above, the rollout of the chosen one below."""

    NAME = "rollouts"
    CSS_PATH = "rollouts.tcss"
    AUTO_FOCUS = "ObjectTable"

    rows = query_one("#rows", ObjectTable)
    detail = query_one("#detail", Panel)
    events = query_one("#events", Panel)

    @property
    def table(self) -> ObjectTable:
        """The deployments."""
        return self.rows

    @property
    def chosen(self) -> list[ApiObject]:
        """The deployment under the cursor."""
        return self.rows.chosen if self.is_mounted else []

    def body(self) -> Iterator[Widget]:
        """Table and panels."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")
        with Vertical(id="below"):
            yield Panel("Rollout", id="detail")
            yield Panel("Events", id="events")

    def rebuild(self) -> None:
        """Show everything as it is now."""
        resource = SCHEME.resource_of(Deployment)
        columns = columns_for(resource, is_namespace_shown=not self.session.namespace)
        self.rows.show(columns, {obj.key: obj for obj in self.session.selected(Deployment)})
        self._show_detail()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(Deployment):
            namespace = self.session.namespace
            changes = delta.of(Deployment)
            self.rows.apply(
                {
                    key: change
                    for key, change in changes.items()
                    if not namespace or key.startswith(f"{namespace}/")
                }
            )
        if delta.touches(Deployment, ReplicaSet, Pod, Event):
            self._show_detail()

    def on_second(self) -> None:
        """Let ages move on."""
        self.rows.move_on()
        self._show_detail()

    def on_resize(self) -> None:
        """Cut the lines anew."""
        self.call_after_refresh(self._show_detail)

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self._show_detail()
        self.chosen_changed()

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        self.kubarium.open_object(event.obj)

    def _show_detail(self) -> None:
        obj = self.rows.selected
        cells, _ = self.detail.room
        if not isinstance(obj, Deployment):
            self.detail.show(
                [[Span("no deployments here; :ctrl-p shows what can be done", "faint")]]
            )
            self.events.show([])
            return
        session = self.session
        pods = [
            pod
            for pod in session.objects(Pod).values()
            if pod.metadata.namespace == obj.metadata.namespace
        ]
        sets = session.objects(ReplicaSet).values()
        self.detail.show(rollout_detail(obj, sets, pods, session.now, cells))
        cells, lines = self.events.room
        found = events_of(obj, session.objects(Event).values())[:lines]
        self.events.show(
            [event_line(event, session.now, cells, is_about_shown=False) for event in found]
        )
