"""What every view has: header, tabs, body, command line, footer, and deltas while in front."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer
from textual.worker import Worker

from engine.api.core import Namespace
from engine.api.kubarium import Fault
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME
from tui import keymap
from tui.language import say
from tui.render.rows import FilterError, parse_filter
from tui.session import Delta, Session
from tui.widgets.command_line import CommandLine
from tui.widgets.header import ClusterHeader
from tui.widgets.object_table import ObjectTable
from tui.widgets.room import RoomChanged
from tui.widgets.script_pane import ScriptPane
from tui.widgets.tabs import ViewTabs
from tui.widgets.time_bar import TimeBar

if TYPE_CHECKING:
    from tui.app import KubariumApp

VIEWS = [
    ("overview", "F2", "Overview"),
    ("resources", "F3", "Resources"),
    ("rollouts", "F4", "Rollouts"),
    ("services", "F5", "Services"),
    ("logs", "F6", "Logs"),
    ("events", "F7", "Events"),
    ("store", "F8", "Store"),
    ("scheduling", "F9", "Scheduling"),
    ("metrics", "F10", "Metrics"),
    ("faults", "F11", "Faults"),
    ("labs", "F12", "Labs"),
]

_COMMAND_NAMES = [
    name
    for resource in SCHEME
    for name in (resource.plural, resource.singular, *resource.short_names)
] + [name for name, _, _ in VIEWS]


class View(Screen[None]):
    """A screen over the session. In the background it notes that it is stale and waits."""

    NAME: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [*keymap.bindings()]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.filter_text = ""
        self._is_stale = False
        self._shown_kind = ""
        self._is_fitting = False

    @property
    def kubarium(self) -> "KubariumApp":
        """The app, by its own type."""
        return cast("KubariumApp", self.app)

    @property
    def chosen(self) -> list[ApiObject]:
        """What actions of this view act upon: the marked objects, or the one under the cursor."""
        return []

    @property
    def crumbs(self) -> str:
        """Where in this view we are, for the right end of the tabs."""
        return ""

    @property
    def table(self) -> ObjectTable | None:
        """The table that a filter applies to, if there is one."""
        return None

    def compose(self) -> ComposeResult:
        """Header, tabs, body, command line, footer."""
        yield ClusterHeader(self.session)
        tabs = [(name, key, say(title)) for name, key, title in VIEWS]
        yield ViewTabs(tabs, self.NAME, self.crumbs)
        yield from self.body()
        yield CommandLine(_COMMAND_NAMES, self._namespaces)
        if self.kubarium.player is not None:
            yield ScriptPane(self.kubarium.player)
        yield Footer(show_command_palette=False)

    def body(self) -> Iterator[Widget]:
        """What this view shows."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Follow the cluster."""
        self.session.deltas.subscribe(self, self._on_delta)
        self.session.ticks.subscribe(self, self._on_tick)
        self.call_after_refresh(self.rebuild)

    def on_screen_resume(self) -> None:
        """Catch up with what happened meanwhile."""
        if self.session.past is not None and not self.query(TimeBar):
            self.open_time()
        if self._is_stale:
            self._is_stale = False
            self.rebuild()

    def mark_stale(self) -> None:
        """Build anew: now if in front, or when it comes to the front."""
        if self.is_current:
            self.rebuild()
        else:
            self._is_stale = True

    def rebuild(self) -> None:
        """Show everything as it is now."""

    def apply(self, delta: Delta) -> None:
        """Show what changed. Called only while this view is in front."""

    def on_second(self) -> None:
        """Let ages move on. Called only while this view is in front."""

    def fit(self) -> None:
        """Cut lines anew: what shows them has another size."""

    def leave(self) -> None:
        """Escape: clear the filter, or go back."""
        if self.filter_text:
            self.set_filter("")
        else:
            self.kubarium.back()

    def set_filter(self, text: str) -> None:
        """Show only what *text* describes.

        Raises:
            FilterError: *text* is not a filter.
        """
        table = self.table
        if table is not None:
            keep = parse_filter(text) if text else None
            self.filter_text = text
            table.filter(keep)
        self.refresh_crumbs()

    def refresh_crumbs(self) -> None:
        """Show where we are."""
        if self.is_mounted:
            self.query_one(ViewTabs).set_note(self.crumbs)

    def chosen_changed(self) -> None:
        """Let the footer show the keys of what is chosen now."""
        kind = self._kind()
        if kind != self._shown_kind:
            self._shown_kind = kind
            self.refresh_bindings()

    def begin(
        self,
        work: Callable[[], Coroutine[Any, Any, None]],
        *,
        group: str = "default",
        is_alone: bool = False,
    ) -> Worker[None]:
        """Do *work* beside the screen; *is_alone* ends what *group* does now.

        It is called when it begins: a view that closes before leaves nothing half done.
        """
        begun = self.run_worker(
            cast("Any", work), group=group, exclusive=is_alone, exit_on_error=False
        )
        return cast("Worker[None]", begun)

    # Actions

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that apply here, with their names in the language spoken."""
        return {
            key: found._replace(
                binding=replace(found.binding, description=say(found.binding.description))
            )
            for key, found in super().active_bindings.items()
        }

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only actions that apply to what is chosen are bound."""
        if action != "do":
            return True
        wanted = keymap.BY_ID[str(parameters[0])]
        if wanted.is_change and self.session.is_readonly:
            return False
        return wanted.applies_to(self._kind()) and self.is_offered(wanted)

    def is_offered(self, action: keymap.Action) -> bool:
        """Whether this view has a use for *action*."""
        if action.id == "what_if" or action.group == keymap.LAB:
            return False
        if action.id == "panic":
            faults = self.session.objects(Fault).values()
            return any(fault.status.phase == "Active" for fault in faults)
        if action.group == keymap.SCENARIO:
            return self.kubarium.player is not None
        return action.id != "filter" or self.table is not None

    async def action_do(self, name: str) -> None:
        """Carry out an action by its id."""
        self.kubarium.perform(name, self.chosen)

    def action_namespace(self, number: int) -> None:
        """Show one namespace: 0 for all, then in order."""
        self.kubarium.choose_namespace(number)

    def open_line(self, sign: str) -> None:
        """Open the command line for ``:`` or ``/``."""
        self.query_one(CommandLine).open(sign, self.filter_text if sign == "/" else "")
        if sign == "/" and self.table is not None:
            self.table.expect_filter()

    @on(CommandLine.Submitted)
    def _on_command(self, event: CommandLine.Submitted) -> None:
        self.kubarium.run_command(event.text)

    @on(CommandLine.Filtered)
    def _on_filtered(self, event: CommandLine.Filtered) -> None:
        try:
            self.set_filter(event.text)
        except FilterError as error:
            if event.is_final:
                self.notify(str(error), title="Filter", severity="warning", markup=False)
            else:
                self.query_one(CommandLine).hint(say("not a filter yet"))
            return
        table = self.table
        if table is not None and not event.is_final:
            self.query_one(CommandLine).hint(say("{count} shown", count=len(table)))

    @on(CommandLine.Closed)
    def _on_line_closed(self) -> None:
        self.focus_body()

    def focus_body(self) -> None:
        """Give the keys back to the body."""
        target = self.table or next(iter(self.query("NodeBoard, TextView")), None)
        if target is not None:
            target.focus()

    def open_time(self) -> TimeBar:
        """The slider over revisions, below this view."""
        for bar in self.query(TimeBar):
            bar.focus()
            return bar
        bar = TimeBar(self.session)
        self.mount(bar)
        return bar

    @on(TimeBar.Closed)
    async def _on_time_closed(self) -> None:
        await self.kubarium.close_time()

    @on(TimeBar.Diff)
    def _on_diff(self, event: TimeBar.Diff) -> None:
        self.kubarium.show_difference(event.old, event.new)

    @on(ViewTabs.Chosen)
    def _on_tab(self, event: ViewTabs.Chosen) -> None:
        self.kubarium.action_view(event.view)

    @on(RoomChanged)
    def _on_room(self) -> None:
        if not self._is_fitting:
            self._is_fitting = True
            self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self._is_fitting = False
        if self.is_mounted:
            self.fit()

    def _kind(self) -> str:
        chosen = self.chosen
        return chosen[0].KIND if chosen else ""

    def _namespaces(self) -> list[str]:
        return list(self.session.objects(Namespace))

    def _on_delta(self, delta: Delta) -> None:
        if self.is_current:
            self.apply(delta)
            self.chosen_changed()
        else:
            self._is_stale = True

    def _on_tick(self, _now: float) -> None:
        if self.is_current:
            self.on_second()
