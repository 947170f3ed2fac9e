"""Metrics: autoscalers, what they see and why they act; what nodes and pods have used."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.getters import query_one
from textual.widget import Widget

from engine.api.autoscaling_v2 import HorizontalPodAutoscaler
from engine.api.events import Event
from engine.api.kubarium import UsageSeries
from engine.api.meta import ApiObject, LabelSelector
from engine.api.metrics import NodeMetrics, PodMetrics
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from engine.api.selectors import matches
from engine.apiserver.errors import NotFoundError
from engine.errors import EngineError
from tui.language import say
from tui.render import metrics as render
from tui.render import usage as usage_
from tui.render.age import age
from tui.render.column import Column
from tui.render.text import Line, Span
from tui.screens.table_view import TableView
from tui.session import Delta
from tui.widgets.object_table import ObjectTable
from tui.widgets.text_view import TextView

_INTERVAL = 2.0
"""Seconds between two looks at the figures, while this view is in front."""
_MOST_PODS = 20
"""Pods of an autoscaler whose history is added up."""

MODES: tuple[tuple[str, type[ApiObject], tuple[Column, ...]], ...] = (
    ("autoscalers", HorizontalPodAutoscaler, render.AUTOSCALERS),
    ("nodes", NodeMetrics, usage_.NODES),
    ("pods", PodMetrics, usage_.PODS),
)


class MetricsScreen(TableView):
    """Autoscalers, nodes or pods above, the chosen one below."""

    NAME = "metrics"
    CSS_PATH = "metrics.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "next_mode", "Autoscalers/nodes/pods"),
    ]

    detail = query_one("#detail", TextView)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # the view's own
        self._mode = 0
        self._found: dict[str, ApiObject] = {}
        self._usage: list[UsageSeries] = []
        self._problem = ""
        self._is_asking = False

    @property
    def chosen(self) -> list[ApiObject]:
        """The autoscalers, nodes or pods behind the chosen rows."""
        if not self.is_mounted:
            return []
        return [one for obj in self.rows.chosen if (one := self._behind(obj)) is not None]

    @property
    def crumbs(self) -> str:
        """What is shown, and how many."""
        name, _, _ = MODES[self._mode]
        return f"{say(name)} → {len(self._shown())}"

    def body(self) -> Iterator[Widget]:
        """The table and the chosen one."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")
        with Vertical(id="below"):
            yield TextView(id="detail")

    def on_mount(self) -> None:
        """Follow the figures as well."""
        super().on_mount()
        self.set_interval(_INTERVAL, self._look)

    def rebuild(self) -> None:
        """Look at once."""
        self._look()

    def apply(self, delta: Delta) -> None:
        """What an autoscaler did is told by its events."""
        if delta.touches(Event) and self._mode == 0:
            self._show()

    def fit(self) -> None:
        """Cut the lines anew."""
        self._show()

    def action_next_mode(self) -> None:
        """Autoscalers, nodes, pods, and again."""
        self._mode = (self._mode + 1) % len(MODES)
        self._found, self._usage = {}, []
        self._look()

    def _look(self) -> None:
        if self.is_current and not self._is_asking:
            self._is_asking = True
            self.begin(self._fetch)

    async def _fetch(self) -> None:
        mode = self._mode
        _, cls, columns = MODES[mode]
        try:
            found = await self.session.fetch_all(cls)
            if mode == self._mode:
                self._problem = ""
                self._found = {obj.key: obj for obj in found}
                self.rows.show(columns, self._shown())
                await self._fetch_usage()
        except EngineError as error:
            self._problem = str(error)
            self._show()
        finally:
            self._is_asking = False
        self.refresh_crumbs()
        if mode != self._mode:
            self._look()

    async def _fetch_usage(self) -> None:
        selected = self.rows.selected
        usage: list[UsageSeries] = []
        if isinstance(selected, HorizontalPodAutoscaler):
            names = [(pod.metadata.namespace, pod.metadata.name) for pod in self._pods_of(selected)]
        elif isinstance(selected, NodeMetrics):
            names = [("kube-system", f"node.{selected.metadata.name}")]
        elif selected is not None:
            names = [(selected.metadata.namespace, selected.metadata.name)]
        else:
            names = []
        for namespace, name in names[:_MOST_PODS]:
            try:
                usage.append(await self.session.source.get(UsageSeries, name, namespace))
            except NotFoundError:
                continue
        self._usage = usage
        self._show()

    def _pods_of(self, hpa: HorizontalPodAutoscaler) -> list[Pod]:
        ref = hpa.spec.scale_target_ref
        cls = SCHEME.class_for(ref.api_version, ref.kind)
        namespace = hpa.metadata.namespace
        target: Any = self.session.get(cls, f"{namespace}/{ref.name}") if cls is not None else None
        selector = getattr(getattr(target, "spec", None), "selector", None)
        if not isinstance(selector, LabelSelector):
            return []
        return [
            pod
            for pod in self.session.objects(Pod).values()
            if pod.metadata.namespace == namespace
            and pod.metadata.deletion_timestamp is None
            and matches(selector, pod.metadata.labels)
        ]

    def _behind(self, obj: ApiObject) -> ApiObject | None:
        if isinstance(obj, PodMetrics):
            return self.session.get(Pod, obj.key)
        if isinstance(obj, NodeMetrics):
            return self.session.get(Node, obj.key)
        return obj

    def _shown(self) -> Mapping[str, ApiObject]:
        namespace = self.session.namespace
        return {
            key: obj
            for key, obj in self._found.items()
            if not namespace or obj.metadata.namespace in ("", namespace)
        }

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        self.chosen_changed()
        self.begin(self._fetch_usage, group="usage", is_alone=True)

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        found = self._behind(event.obj)
        if found is not None:
            self.kubarium.open_object(found)

    def _show(self) -> None:
        if not self.is_mounted:
            return
        selected = self.rows.selected
        cells = self.detail.room
        self.detail.border_title = (
            selected.metadata.name if selected is not None else say("Metrics")
        )
        self.detail.show(self._lines(selected, cells))

    def _lines(self, selected: ApiObject | None, cells: int) -> list[Line]:
        if self._problem:
            return [[Span(self._problem, "bad")]]
        if selected is None:
            what = MODES[self._mode][0]
            hint = (
                say("kubectl autoscale deployment NAME --max=5 makes one")
                if self._mode == 0
                else ""
            )
            return [
                [
                    Span(say("there are no {kind} yet", kind=say(what)) + ". ", "faint"),
                    Span(hint, "faint"),
                ],
                [Span(say("m shows nodes and pods with what they use"), "faint")],
            ]
        if isinstance(selected, HorizontalPodAutoscaler):
            return render.autoscaler_lines(
                selected, self._usage, self._steps(selected), self.session.now, cells
            )
        if not self._usage:
            return [[Span(say("nothing was measured yet"), "faint")]]
        return usage_.usage_lines(self._usage[0].status, cells)

    def _steps(self, hpa: HorizontalPodAutoscaler) -> list[str]:
        """What it did, the newest first."""
        events = [
            event
            for event in self.session.objects(Event).values()
            if event.involved_object.kind == hpa.KIND
            and event.involved_object.name == hpa.metadata.name
            and event.involved_object.namespace == hpa.metadata.namespace
        ]
        events.sort(key=lambda event: -(event.last_timestamp or 0.0))
        now = self.session.now
        return [
            f"{age(event.last_timestamp, now):>6} ago  {event.reason}: {event.message}"
            for event in events[:8]
        ]
