"""Resources: any kind as a table with kubectl's columns."""

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from engine.api.meta import ApiObject
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.scheme import SCHEME, Resource
from engine.errors import EngineError
from tui.language import say
from tui.render.columns import columns_for, needs_attention
from tui.render.usage import node_use, pod_use, use_columns
from tui.screens.table_view import TableView
from tui.session import Delta, Session
from tui.widgets.object_table import ObjectTable

_USE_SECONDS = 5


class ResourcesScreen(TableView):
    """One kind at a time; ``:`` changes the kind."""

    NAME = "resources"
    CSS_PATH = "resources.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("ctrl+w", "toggle_wide", "Wide"),
        ("ctrl+z", "toggle_faults", "Faults only"),
    ]

    head = query_one("#head", Static)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.resource: Resource = SCHEME.resource_of(Pod)
        self._is_wide = False
        self._is_faults_only = False
        self._use: dict[str, tuple[int, int]] = {}
        self._is_asking = False
        self._seconds = 0

    @property
    def crumbs(self) -> str:
        """Kind, namespace, filter."""
        parts = [self.resource.plural]
        if self.resource.namespaced:
            parts.append(self.session.namespace or "all")
        if self.filter_text:
            parts.append(f"/{self.filter_text}")
        return " → ".join(parts)

    def body(self) -> Iterator[Widget]:
        """A head line and the table."""
        yield Static("", id="head", markup=False)
        yield ObjectTable(now=lambda: self.session.now, id="rows")

    def show_kind(self, resource: Resource, filter_text: str = "") -> None:
        """Show another kind."""
        self.resource = resource
        self.filter_text = filter_text
        self._is_faults_only = False
        if self.is_mounted and self.is_running:
            self.rebuild()

    def rebuild(self) -> None:
        """Show everything as it is now."""
        columns = columns_for(
            self.resource,
            is_wide=self._is_wide,
            is_namespace_shown=not self.session.namespace,
        )
        if self.resource.cls in (Pod, Node):
            columns = (*columns[:-1], *use_columns(self._use), *columns[-1:])
            self._look_at_use()
        self.rows.show(columns, self._objects())
        self.set_filter(self.filter_text)
        self._show_head()
        self.chosen_changed()

    def apply(self, delta: Delta) -> None:
        """Show what changed."""
        if delta.touches(self.resource.cls):
            changes = delta.of(self.resource.cls)
            self.rows.apply(
                {
                    key: (old, new if new is not None and self._is_shown(new) else None)
                    for key, (old, new) in changes.items()
                }
            )
            self._show_head()

    def on_second(self) -> None:
        """Let ages move on, and now and then what is used."""
        self._seconds += 1
        if self._seconds % _USE_SECONDS == 0:
            self._look_at_use()
        self.rows.move_on()

    def action_toggle_wide(self) -> None:
        """More columns, or fewer."""
        self._is_wide = not self._is_wide
        self.rebuild()

    def action_toggle_faults(self) -> None:
        """Only what needs attention, or all."""
        self._is_faults_only = not self._is_faults_only
        self.rebuild()

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self.chosen_changed()

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        self.kubarium.open_object(event.obj)

    def _look_at_use(self) -> None:
        if self.resource.cls in (Pod, Node) and not self._is_asking:
            self._is_asking = True
            self.begin(self._fetch_use)

    async def _fetch_use(self) -> None:
        """Learn what pods or nodes use; without figures the columns stay empty."""
        try:
            if self.resource.cls is Pod:
                pods = await self.session.fetch_all(PodMetrics)
                found = {one.key: pod_use(one) for one in pods}
            else:
                nodes = await self.session.fetch_all(NodeMetrics)
                found = {one.key: node_use(one) for one in nodes}
        except EngineError:
            found = {}
        finally:
            self._is_asking = False
        self._use.clear()
        self._use.update(found)
        self.rows.apply({})  # figures may need more room
        self.rows.move_on()

    def _is_shown(self, obj: ApiObject) -> bool:
        namespace = self.session.namespace
        if namespace and obj.metadata.namespace not in ("", namespace):
            return False
        return not self._is_faults_only or needs_attention(obj)

    def _objects(self) -> dict[str, ApiObject]:
        found = self.session.objects(self.resource.cls)
        return {key: obj for key, obj in found.items() if self._is_shown(obj)}

    def _show_head(self) -> None:
        kind, namespace = self.resource.plural, self.session.namespace
        if not self.resource.namespaced:
            words, nothing = say("{kind} of the cluster"), say("the cluster has no {kind}")
        elif namespace:
            words, nothing = say("{kind} in {where}"), say("there are no {kind} in {where}")
        else:
            words, nothing = say("{kind} in all namespaces"), say("there are no {kind} yet")
        parts = [say("{count} shown", count=len(self.rows))]
        self.rows.nothing = nothing.format(kind=kind, where=namespace)
        if self._is_faults_only:
            parts.append(say("faults only (ctrl-z)"))
            self.rows.nothing = say("nothing needs attention; ctrl-z shows all")
        if self.filter_text:
            parts.append(say("filter {text}", text=self.filter_text))
        self.head.update("  ·  ".join((" " + words.format(kind=kind, where=namespace), *parts)))
