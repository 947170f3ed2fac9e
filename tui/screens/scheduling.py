"""Scheduling: the queues, each decision as nodes by plugins, and what if nodes were otherwise."""

from collections.abc import Iterator

from textual import on
from textual.containers import Vertical
from textual.getters import query_one
from textual.timer import Timer
from textual.widget import Widget

from engine.api.kubarium import Decision, WhatIf
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.apiserver.errors import NotFoundError
from engine.errors import ConfigError, EngineError
from tui import keymap
from tui.language import say
from tui.render import scheduling as render
from tui.render.text import Line, Span
from tui.screens.dialogs import Ask
from tui.screens.table_view import TableView
from tui.session import Delta
from tui.what_if import FORMS, parse_change, what_if
from tui.widgets.object_table import ObjectTable
from tui.widgets.text_view import TextView

_INTERVAL = 1.0
"""Seconds between two looks at the scheduler, while this view is in front."""


class SchedulingScreen(TableView):
    """Waiting pods and those placed of late above, the decision about the chosen one below."""

    NAME = "scheduling"
    CSS_PATH = "scheduling.tcss"

    decision = query_one("#decision", TextView)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # the view's own
        self._decisions: dict[str, Decision] = {}
        self._full: Decision | None = None
        self._answer: WhatIf | None = None
        self._question = ""
        self._is_asking = False
        self._timer: Timer | None = None

    @property
    def chosen(self) -> list[ApiObject]:
        """The pods behind the chosen rows."""
        if not self.is_mounted:
            return []
        found = [self.session.get(Pod, obj.key) for obj in self.rows.chosen]
        return [pod for pod in found if pod is not None]

    @property
    def crumbs(self) -> str:
        """How many pods wait where."""
        return render.queue_counts(self._shown())

    def body(self) -> Iterator[Widget]:
        """The queue and the decision."""
        yield ObjectTable(now=lambda: self.session.now, id="rows")
        with Vertical(id="below"):
            yield TextView(id="decision")

    def on_mount(self) -> None:
        """Follow the scheduler as well."""
        super().on_mount()
        self.decision.border_title = say("Decision")
        self._timer = self.set_interval(_INTERVAL, self._look)

    def rebuild(self) -> None:
        """Look at once."""
        self._look()

    def apply(self, delta: Delta) -> None:
        """A pod that changed may have been decided about."""
        if delta.touches(Pod):
            self._look()

    def fit(self) -> None:
        """Cut the lines anew."""
        self._show()

    async def action_do(self, name: str) -> None:
        """Ask what if; all else as in every view."""
        if name == "what_if":
            self._ask_what_if()
        else:
            await super().action_do(name)

    def is_offered(self, action: keymap.Action) -> bool:
        """Questions are asked here."""
        return action.id == "what_if" or super().is_offered(action)

    def _look(self) -> None:
        if self.is_current and not self._is_asking:
            self._is_asking = True
            self.begin(self._fetch)

    async def _fetch(self) -> None:
        try:
            found = await self.session.fetch_all(Decision)
            self._decisions = {obj.key: obj for obj in found}
            self.rows.show(render.COLUMNS, self._shown(), sort="QUEUE", is_descending=False)
            await self._fetch_full()
        except EngineError as error:
            self.decision.show([[Span(str(error), "bad")]])
        finally:
            self._is_asking = False
        self.refresh_crumbs()

    async def _fetch_full(self) -> None:
        selected = self.rows.selected
        if selected is None:
            self._full = None
        elif not self._has_full_of(selected):
            try:
                self._full = await self.session.source.get(
                    Decision, selected.metadata.name, selected.metadata.namespace
                )
            except NotFoundError:
                self._full = None
        self._show()

    def _has_full_of(self, selected: ApiObject) -> bool:
        full = self._full
        return (
            full is not None
            and isinstance(selected, Decision)
            and full.key == selected.key
            and full.status.get("attempt") == selected.status.get("attempt")
            and full.status.get("queue") == selected.status.get("queue")
        )

    def _shown(self) -> dict[str, Decision]:
        namespace = self.session.namespace
        return {
            key: obj
            for key, obj in self._decisions.items()
            if not namespace or obj.metadata.namespace == namespace
        }

    @on(ObjectTable.Selected)
    def _on_selected(self) -> None:
        selected = self.rows.selected
        if self._answer is not None and (
            selected is None or selected.metadata.name != self._answer.metadata.name
        ):
            self._answer = None
        self.chosen_changed()
        self.begin(self._fetch_full, group="full", is_alone=True)

    @on(ObjectTable.Opened)
    def _on_opened(self, event: ObjectTable.Opened) -> None:
        pod = self.session.get(Pod, event.obj.key)
        if pod is not None:
            self.kubarium.open_object(pod)

    def _ask_what_if(self) -> None:
        selected = self.rows.selected
        if selected is None:
            return
        name, namespace = selected.metadata.name, selected.metadata.namespace

        def asked(text: str | None) -> None:
            if text:
                self._question = text
                self.run_worker(self._send(namespace, name, text), exit_on_error=False)
            elif text is not None:
                self._answer = None
                self._show()

        title = f"What if, for {name}?"
        hint = f"Nothing is changed by asking. {FORMS}; several with ; between; empty: as it is."
        self.app.push_screen(Ask(title, hint, self._question, check=_check), asked)

    async def _send(self, namespace: str, name: str, text: str) -> None:
        try:
            question = what_if(namespace, name, _questions(text))
            self._answer = await self.session.source.create(question)
        except EngineError as error:
            self.notify(str(error), title="What if", severity="warning", markup=False)
            return
        self._show()

    def _show(self) -> None:
        if not self.is_mounted:
            return
        cells = self.decision.room
        answer = self._answer
        if answer is not None:
            self.decision.border_title = f"What if {self._question}?"
            lines: list[Line] = [
                [Span("? ", "accent"), Span(str(answer.status.get("answer")), "", is_bold=True)]
            ]
            after = {**(answer.status.get("after") or {}), "message": ""}
            self.decision.show(lines + render.outcome_lines(after, cells))
            return
        self.decision.border_title = say("Decision")
        if self._full is None:
            waiting = "no decisions are kept yet: they come with the first pod"
            self.decision.show([[Span(waiting, "faint")]])
        else:
            self.decision.show(render.decision_lines(self._full, self.session.now, cells))


def _questions(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _check(text: str) -> str:
    try:
        for question in _questions(text):
            parse_change(question)
    except ConfigError as error:
        return str(error)
    return ""
