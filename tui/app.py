"""KubariumApp: modes, themes and the way around. What views show is in `screens`."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from rich.console import RenderableType
from textual.app import App
from textual.binding import Binding
from textual.worker import Worker, WorkerState

from engine.api.core import Namespace
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, Resource
from engine.errors import EngineError
from engine.lab.course import Entry
from engine.lab.state import LabState
from engine.scenario.player import Player
from tui.language import language_of, say, speak
from tui.palette import KubariumCommands
from tui.places import History, Place, inside
from tui.render.lab import lab_line
from tui.render.past import difference_lines
from tui.render.story import story_line
from tui.screens.acting import Actor
from tui.screens.detail import DetailScreen
from tui.screens.difference import DifferenceScreen
from tui.screens.events import EventsScreen
from tui.screens.faults import FaultsScreen
from tui.screens.help import HelpScreen
from tui.screens.labs import Desk, LabsScreen
from tui.screens.logs import LogsScreen
from tui.screens.metrics import MetricsScreen
from tui.screens.overview import OverviewScreen
from tui.screens.resources import ResourcesScreen
from tui.screens.rollouts import RolloutsScreen
from tui.screens.scheduling import SchedulingScreen
from tui.screens.services import ServicesScreen
from tui.screens.store import StoreScreen
from tui.screens.view import VIEWS, View
from tui.session import Session
from tui.source import Source
from tui.terminal import terminal_text
from tui.themes import THEMES, theme_after
from tui.transport import go_to_step, transport
from tui.widgets.time_bar import TimeBar

_SCREENS: dict[str, type[View]] = {
    "overview": OverviewScreen, "resources": ResourcesScreen, "rollouts": RolloutsScreen,
    "services": ServicesScreen, "logs": LogsScreen, "events": EventsScreen, "store": StoreScreen,
    "scheduling": SchedulingScreen, "metrics": MetricsScreen, "labs": LabsScreen,
    "faults": FaultsScreen,
}  # fmt: skip
_DETAILS = ("describe", "yaml", "events")


def _given(screen: View) -> View:
    return screen


class KubariumApp(App[None]):
    """A cluster in the terminal."""

    TITLE = "Kubarium"
    CSS_PATH = sorted((Path(__file__).parent / "screens").glob("*.tcss"))  # read once, not by view
    COMMANDS = {KubariumCommands}
    BINDINGS = [
        Binding("ctrl+q", "quit", "Quit", show=False, id="quit"),
        *[Binding(key.lower(), f"view('{name}')", title, show=False, id=f"view_{name}")
          for name, key, title in VIEWS],
    ]  # fmt: skip

    def __init__(
        self,
        source: Source,
        *,
        theme: str = "kubarium-dark",
        is_readonly: bool = False,
        notice: str = "",
        keys: dict[str, str] | None = None,
        language: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        speak(language_of(language))
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme
        self.session = Session(source, is_readonly=is_readonly)
        self.session.bind(self)
        self.notice = notice
        self.actor = Actor(self)
        self._screens_by_view = {name: cls(self.session) for name, cls in _SCREENS.items()}
        for name, screen in self._screens_by_view.items():
            self.add_mode(name, partial(_given, screen))
        self._history = History()
        self.next_command: list[str] = []
        self.player: Player | None = None
        self.on_frame: Callable[[str], None] | None = None
        if keys:
            self.set_keymap(keys)

    async def on_mount(self) -> None:
        """Follow the cluster and open the first view."""
        try:
            await self.session.start()
        except EngineError as error:
            self.exit(return_code=1, message=f"kubarium: {error}")
            return
        self.go(Place("overview" if self._labs.desk is None else "labs"))
        self.set_interval(1.0, self.session.tick)
        if self.on_frame is not None:
            self.set_interval(0.2, self._record)
        if self.notice:
            self.notify(self.notice, timeout=10, markup=False)

    async def on_unmount(self) -> None:
        """Let go of the cluster."""
        await self.session.stop()

    def exit(
        self, result: None = None, return_code: int = 0, message: RenderableType | None = None
    ) -> None:
        """Leave; a recording that still runs is saved, and it is said where."""
        controls = self.session.controls
        if controls is not None and controls.is_recording:
            try:
                message = controls.stop_recording()
            except EngineError as error:
                message = str(error)
        super().exit(result, return_code, message)

    # The way around

    def go(self, place: Place, *, is_new: bool = True) -> None:
        """Show a place; *is_new* writes it into the history."""
        if is_new:
            self._history.visit(place)
        screen = self._screens_by_view[place.view]
        if isinstance(screen, ResourcesScreen) and place.kind:
            resource = SCHEME.find(place.kind)
            if resource is not None:
                screen.show_kind(resource, place.filter_text)
        if not screen.is_running:
            # What is mounted now gets today's styles: Textual need not read them all anew.
            screen._css_update_count = self._css_update_count  # noqa: SLF001 - has no other name
        self.switch_mode(place.view)
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def action_view(self, name: str) -> None:
        """Show one of the views."""
        self.go(Place(name))

    def back(self) -> None:
        """Leave what lies on top, or go to the place before."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self._travel(-1)

    def _travel(self, step: int) -> None:
        place = self._history.travel(step)
        if place is not None:
            self.go(place, is_new=False)

    def open_detail(self, obj: ApiObject, tab: str) -> None:
        """Show one object in full."""
        screen = self.screen
        if isinstance(screen, DetailScreen):
            screen.show_tab(tab)
        else:
            self.push_screen(DetailScreen(self.session, obj, tab, back_to=self.current_mode))

    def open_object(self, obj: ApiObject) -> None:
        """Go into an object: its pods if it has any, or its description."""
        place = inside(obj)
        if place is None:
            self.open_detail(obj, "describe")
            return
        if isinstance(obj, Namespace):
            self._set_namespace(obj.metadata.name)
        self._show_kind(place.kind, place.filter_text)

    def choose_namespace(self, number: int) -> None:
        """0 shows all namespaces, 1 the first of them, and so on."""
        names = sorted(self.session.objects(Namespace), key=lambda n: (n != "default", n))
        if number > len(names):
            self.notify(say("there are only {count} namespaces", count=len(names)))
            return
        self._set_namespace(names[number - 1] if number else "")

    def _set_namespace(self, name: str) -> None:
        self.session.namespace = name
        for screen in self._screens_by_view.values():
            if screen.is_running:
                screen.mark_stale()
        self.session.tick()

    def _show_kind(self, kind: str, filter_text: str) -> None:
        resource = SCHEME.find(kind)
        assert resource is not None
        self.run_worker(self._watch_and_show(resource, filter_text), exit_on_error=False)

    async def _watch_and_show(self, resource: Resource, filter_text: str) -> None:
        try:
            await self.session.watch(resource.cls)
        except EngineError as error:
            self.notify(str(error), title=f"No {resource.plural}", severity="error", markup=False)
            return
        self.go(Place("resources", resource.qualified, filter_text))

    def run_command(self, text: str) -> None:
        """Do what was typed after ``:``."""
        head, _, filter_text = text.partition("/")
        words = head.split()
        if not words:
            return
        name = words[0].lower()
        if name in ("q", "quit", "exit"):
            self.exit()
            return
        resource = SCHEME.find(name)
        if name in _SCREENS and name != "resources" and len(words) == 1 and not filter_text:
            self.action_view(name)
        elif name in ("h", "help", "?"):
            self.perform("help", [])
        elif resource is None or "list" not in resource.verbs:
            self.notify(
                say("there is no kind or view {name}; tab completes", name=repr(words[0])),
                severity="warning", markup=False,
            )  # fmt: skip
        else:
            if len(words) > 1:
                self._set_namespace("" if words[1] == "all" else words[1])
            self._show_kind(resource.qualified, filter_text.strip())

    def show_player(self, player: Player) -> None:
        """Tell where a playing scenario stands, above every view."""
        self.session.story = story_line(player)
        if self.is_running:
            self.session.tick()

    def action_abort_scenario(self) -> None:
        """End the scenario that plays: what it broke is mended."""
        if self.player is not None:
            self.player.control("stop")

    # Time

    def show_time(self, revision: int | None) -> None:
        """Show every view as it was at *revision*, or (None) as it is."""
        view = self.screen
        if revision is None:
            self.run_worker(self.close_time(), exit_on_error=False)
        elif isinstance(view, View):
            bar = view.open_time()
            self.call_after_refresh(bar.go, revision)

    async def close_time(self) -> None:
        """Back to the present, on every view."""
        await self.session.travel(None)
        for screen in self._screens_by_view.values():
            if screen.is_running:
                await screen.query(TimeBar).remove()
        if isinstance(self.screen, View):
            self.screen.focus_body()

    def show_difference(self, old: int, new: int) -> None:
        """Show what differs between two revisions."""
        self.run_worker(self._show_difference(old, new), exit_on_error=False)

    async def _show_difference(self, old: int, new: int) -> None:
        try:
            changes = await self.session.difference(old, new)
        except EngineError as error:
            self.notify(str(error), title="Diff", severity="warning", markup=False)
            return
        title = say("From revision {old} to {new}", old=old, new=new)
        self.push_screen(DifferenceScreen(title, difference_lines(changes)))

    def _record(self) -> None:
        """Hand the screen, as a terminal gets it, to the recording."""
        if self.on_frame is not None and self.is_running:
            self.on_frame(terminal_text(self))

    # Labs

    @property
    def lab_desk(self) -> Desk | None:
        """The lab that is being done, if one is."""
        return self._labs.desk

    @property
    def _labs(self) -> LabsScreen:
        return cast("LabsScreen", self._screens_by_view["labs"])

    def show_course(
        self, entries: list[Entry], states: Mapping[str, LabState], language: str
    ) -> None:
        """Offer the scenarios and labs there are."""
        self._labs.entries, self._labs.states = entries, states
        self._labs.language = language

    def show_lab(self, desk: Desk) -> None:
        """Show a lab that is being done: its tasks beside the cluster, its state on every view."""
        self._labs.use(desk)
        self.show_lab_progress()

    def show_lab_progress(self) -> None:
        """The lab has moved on."""
        desk = self._labs.desk
        if desk is None:
            return
        self.session.story = lab_line(desk.session, desk.language)
        if self.is_running:
            self._labs.show_progress()
            self.session.tick()

    def open_entry(self, entry: Entry) -> None:
        """Leave for a scenario or lab of the course: it has a cluster of its own."""
        words = ["lab", "start"] if entry.kind == "lab" else ["play"]
        self.next_command = [*words, entry.id]
        self.exit()

    # Actions

    def perform(self, name: str, chosen: list[ApiObject]) -> None:  # noqa: C901 - one case an action
        """Carry out an action of the keymap."""
        view = self.screen
        if name in _DETAILS and chosen:
            self.open_detail(chosen[0], name)
        elif name in ("logs", "previous_logs") and chosen:
            logs = cast("LogsScreen", self._screens_by_view["logs"])
            logs.listen(chosen[0], is_previous=name == "previous_logs")
            self.go(Place("logs"))
        elif name in ("command", "filter") and isinstance(view, View):
            view.open_line(":" if name == "command" else "/")
        elif name == "palette":
            self.action_command_palette()
        elif name == "help":
            self.push_screen(HelpScreen(chosen[0].KIND if chosen else ""))
        elif name == "leave" and isinstance(view, View):
            view.leave()
        elif name in ("history_back", "history_forward"):
            self._travel(-1 if name == "history_back" else 1)
        elif name == "last_view":
            self._travel(-1 if self._history.is_at_end else 1)
        elif name == "time" and isinstance(view, View):
            view.open_time()
        elif name in ("play_pause", "play_step") and self.player is not None:
            transport(self.player, name)
        elif name == "play_to" and self.player is not None:
            self.run_worker(go_to_step(self, self.player), exit_on_error=False)
        elif name == "theme":
            self.theme = theme_after(self.theme)
        else:
            self.run_worker(self.actor.run(name, list(chosen)), exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say that something of ours broke, without a traceback on the screen."""
        if event.state is WorkerState.ERROR:
            self.log.error(repr(event.worker.error))
            self.notify(
                f"{type(event.worker.error).__name__}: {event.worker.error}",
                title="A bug of ours; nothing was lost", severity="error", markup=False,
            )  # fmt: skip

    def save_screenshot(
        self,
        filename: str | None = None,
        path: str | None = None,
        time_format: str | None = None,
    ) -> str:
        """Write the screen as SVG, here unless told otherwise."""
        return super().save_screenshot(filename, path or str(Path.cwd()), time_format)
