"""Rollouts: every deployment, and the chosen one's replica sets filling and emptying."""

from collections.abc import Iterator

from textual.containers import Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.api.apps import Deployment, ReplicaSet
from engine.api.events import Event
from engine.api.pod import Pod
from tui.language import say
from tui.render.describe import events_of
from tui.render.events import event_line
from tui.render.rollout_detail import rollout_detail
from tui.render.text import Span
from tui.screens.list_detail import ListDetailView
from tui.widgets.object_table import ObjectTable
from tui.widgets.panel import Panel


class RolloutsScreen(ListDetailView):
    """Deployments above, the rollout of the chosen one below."""

    NAME = "rollouts"
    CSS_PATH = "rollouts.tcss"
    LISTED = Deployment
    DETAILED = (Deployment, ReplicaSet, Pod, Event)

    detail = query_one("#detail", Panel)
    events = query_one("#events", Panel)

    def body(self) -> Iterator[Widget]:
        """Table and panels."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")
        with Vertical(id="below"):
            yield Panel(say("Rollout"), id="detail")
            yield Panel(say("Events"), id="events")

    def show_detail(self) -> None:
        """Show the chosen one, or that there is none."""
        obj = self.rows.selected
        cells, _ = self.detail.room
        if not isinstance(obj, Deployment):
            self.detail.show(
                [[Span(say("no deployments here; ctrl-p shows what can be done"), "faint")]]
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
