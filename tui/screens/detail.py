"""Detail: one object described, as YAML, and its events; live while it changes."""

import re
from collections.abc import Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.getters import query_one
from textual.widget import Widget
from textual.widgets import Static

from engine.api.events import Event
from engine.api.kubarium import UsageSeries
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from engine.errors import EngineError
from tui import keymap
from tui.language import say
from tui.render.describe import describe, events_of, state_of
from tui.render.events import event_line
from tui.render.rows import FilterError
from tui.render.text import Line, Span
from tui.render.usage import usage_lines
from tui.render.yaml_text import to_yaml, yaml_lines
from tui.screens.view import View
from tui.session import Delta, Session
from tui.widgets.painting import Paint
from tui.widgets.text_view import TextView

TABS = (("describe", "d", "Describe"), ("yaml", "y", "YAML"), ("events", "e", "Events"))

_USAGE_SECONDS = 5.0


class DetailScreen(View):
    """One object. It follows the object's changes, and says when it is gone."""

    NAME = "detail"
    CSS_PATH = "detail.tcss"
    AUTO_FOCUS = "TextView"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "tab('events')", "Events"),
        Binding("m", "toggle_managed", "Managed fields", show=False),
        Binding("v", "toggle_secrets", "Values of a secret", show=False),
    ]

    text = query_one("#text", TextView)
    head = query_one("#head", Static)

    def __init__(self, session: Session, obj: ApiObject, tab: str, *, back_to: str) -> None:
        super().__init__(session)
        self._obj = obj
        self._tab = tab
        self._is_gone = False
        self._has_managed = False
        self._shows_secrets = False
        self._usage: UsageSeries | None = None
        self.NAME = back_to  # type: ignore[misc]  # the tab that stays lit while we are on top

    @property
    def chosen(self) -> list[ApiObject]:
        """The object, while there is one."""
        return [] if self._is_gone else [self._obj]

    @property
    def crumbs(self) -> str:
        """Kind and name."""
        return f"{self._obj.KIND.lower()} → {self._obj.metadata.name} → {self._tab}"

    def is_offered(self, action: keymap.Action) -> bool:  # noqa: ARG002 - all are
        """A filter here finds text."""
        return True

    def body(self) -> Iterator[Widget]:
        """A head line and the text."""
        yield Static("", id="head")
        yield TextView(id="text")

    def show_tab(self, tab: str) -> None:
        """Show another side of the object."""
        self._tab = tab
        self.text.scroll_home(animate=False)
        self.rebuild()

    def action_tab(self, tab: str) -> None:
        """Show another side of the object."""
        self.show_tab(tab)

    def action_toggle_managed(self) -> None:
        """Show or hide managed fields."""
        self._has_managed = not self._has_managed
        self.rebuild()

    def action_toggle_secrets(self) -> None:
        """Show or hide what a Secret holds."""
        self._shows_secrets = not self._shows_secrets
        self.rebuild()

    def set_filter(self, text: str) -> None:
        """Find *text* instead of filtering by it."""
        try:
            self.text.find(text)
        except re.error as error:
            msg = f"not a regular expression: {error}"
            raise FilterError(msg) from error
        self.filter_text = text

    def rebuild(self) -> None:
        """Show the object as it is now."""
        self._show_head()
        self.refresh_crumbs()
        self.text.show(self._lines())
        self.chosen_changed()

    def apply(self, delta: Delta) -> None:
        """Follow the object."""
        change = delta.of(type(self._obj)).get(self._obj.key)
        if change is not None:
            new = change[1]
            self._is_gone = new is None
            self._obj = new if new is not None else self._obj
        if change is not None or (delta.touches(Event) and self._tab != "yaml"):
            self.rebuild()

    def _lines(self) -> list[Line]:
        cells = self.text.size.width
        events = self.session.objects(Event).values()
        if self._tab == "yaml":
            text = to_yaml(
                self._obj,
                has_managed_fields=self._has_managed,
                shows_secrets=self._shows_secrets,
            )
            return yaml_lines(text)
        if self._tab == "describe":
            lines = describe(self._obj, events, self.session.now, cells)
            return [*lines[:2], *self._usage_lines(cells), *lines[2:]]
        found = events_of(self._obj, events)
        lines = [
            event_line(event, self.session.now, max(60, cells - 2), is_about_shown=False)
            for event in found
        ]
        return lines or [[Span(say("no events are kept about this object"), "faint")]]

    def on_mount(self) -> None:
        """Follow what a pod or a node uses as well."""
        super().on_mount()
        if isinstance(self._obj, Pod | Node):
            self._look_at_usage()
            self.set_interval(_USAGE_SECONDS, self._look_at_usage)

    def _look_at_usage(self) -> None:
        if self.is_current:
            self.begin(self._fetch_usage, group="usage", is_alone=True)

    async def _fetch_usage(self) -> None:
        meta = self._obj.metadata
        name = f"node.{meta.name}" if isinstance(self._obj, Node) else meta.name
        namespace = meta.namespace or "kube-system"
        try:
            self._usage = await self.session.source.get(UsageSeries, name, namespace)
        except EngineError:
            return
        if self._tab == "describe" and self.is_mounted:
            self.rebuild()

    def _usage_lines(self, cells: int) -> list[Line]:
        if self._usage is None:
            return []
        return [*usage_lines(self._usage.status, cells, title="Used in "), []]

    def _show_head(self) -> None:
        line: Line = [Span(" ")]
        for tab, key, title in TABS:
            if tab == self._tab:
                line += [Span(f" {key} {title} ", "ground", is_bold=True, on="accent"), Span(" ")]
            else:
                line += [Span(f" {key} ", "accent"), Span(f"{title}  ", "dim")]
        line.append(Span(f" {self._obj.KIND} {self._obj.key}", "", is_bold=True))
        if self._is_gone:
            line.append(Span("  ✖ deleted", "bad", is_bold=True))
        elif state := state_of(self._obj):
            line.append(Span(f"  {state.symbol} {state.word}", state.tone, is_bold=True))
        self.head.update(Paint.of(self.app).text(line))
