"""Actions on the cluster as a whole: its faults, its time, its lab, a recording, the screen."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from engine.api.kubarium import Fault
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from engine.lab.schema import LabError
from tui import operations
from tui.language import say
from tui.screens.dialogs import Ask, Confirm
from tui.screens.fault_form import FaultForm
from tui.session import Session

if TYPE_CHECKING:
    from tui.app import KubariumApp
    from tui.screens.labs import Desk

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0)


def named(obj: ApiObject) -> str:
    """``pod/web-1``."""
    return f"{obj.KIND.lower()}/{obj.metadata.name}"


@attrs.define(eq=False)
class ClusterActor:
    """Carries out actions that are about no single object. Every method may run in a worker."""

    app: "KubariumApp"

    @property
    def session(self) -> Session:
        """The app's session."""
        return self.app.session

    # The lab that is being done

    async def do_lab_hint(self, _objects: list[ApiObject]) -> str:
        """Take the next hint."""
        return self._lab_desk().ask(["hint"])

    async def do_lab_answer(self, _objects: list[ApiObject]) -> str:
        """Type an answer."""
        desk = self._lab_desk()
        task = desk.session.task
        title = task.title if task is not None else ""
        answer = await self.app.push_screen_wait(
            Ask(say("Answer"), title, "", check=_check_something)
        )
        return "" if answer is None else say(desk.ask(["answer", answer]))

    async def do_lab_solution(self, _objects: list[ApiObject]) -> str:
        """Open the solution, after asking."""
        desk = self._lab_desk()
        task = desk.session.task
        text = say("The task is worth no points once its solution is open.")
        if not await self.app.push_screen_wait(Confirm(say("Solution"), text, verb=say("Open"))):
            return ""
        if desk.session.task is not task:
            return say("the task was over before; nothing was opened")
        return desk.ask(["solution"])

    async def do_lab_reset(self, _objects: list[ApiObject]) -> str:
        """Put the cluster back, after asking."""
        desk = self._lab_desk()
        text = say("What was made since the lab began is deleted, and its start is made anew.")
        if not await self.app.push_screen_wait(Confirm(say("Reset"), text, verb=say("Reset"))):
            return ""
        return say(desk.ask(["reset"]))

    def _lab_desk(self) -> "Desk":
        desk = self.app.lab_desk
        if desk is None:
            raise LabError("no lab is being done; start one: kubarium lab start NAME")
        return desk

    # What is broken on purpose

    async def do_new_fault(self, objects: list[ApiObject]) -> str:
        """Ask for a fault in a form that shows what it would touch, and begin it."""
        type_, target = "pod.kill", ""
        if objects and isinstance(objects[0], Pod):
            target = objects[0].key
        elif objects and isinstance(objects[0], Node):
            type_, target = "node.crash", objects[0].metadata.name
        form = FaultForm(self.session, type_=type_, target=target)
        fault = await self.app.push_screen_wait(form)
        if fault is None:
            return ""
        made = await self.session.source.create(fault)
        return say("{name} begins", name=named(made))

    async def do_panic(self, _objects: list[ApiObject]) -> str:
        """End every active fault: at once where the cluster is ours, else over the API."""
        count = await operations.end_all_faults(
            self.session.source, list(self.session.objects(Fault).values())
        )
        return say("faults ended: {count}", count=count) if count else say("nothing is broken")

    # The cluster and the app

    async def do_pause_cluster(self, _objects: list[ApiObject]) -> str:
        """Stop the cluster's time, or let it run on."""
        controls = self.session.controls
        if controls is None:
            return say("this cluster's time is not ours to stop")
        if self.session.info.is_paused:
            controls.resume()
            return say("time runs on")
        controls.pause()
        return say("time stands still")

    async def do_slower(self, _objects: list[ApiObject]) -> str:
        """The next lower speed."""
        return self._speed(-1)

    async def do_faster(self, _objects: list[ApiObject]) -> str:
        """The next higher speed."""
        return self._speed(1)

    def _speed(self, step: int) -> str:
        controls = self.session.controls
        if controls is None:
            return say("this cluster's time runs by itself")
        now = self.session.info.speed
        nearest = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - now))
        speed = SPEEDS[max(0, min(len(SPEEDS) - 1, nearest + step))]
        controls.set_speed(speed)
        return say("{speed} seconds per second", speed=f"{speed:g}")

    async def do_record(self, _objects: list[ApiObject]) -> str:
        """Begin to record what is done, or stop and write the scenario."""
        controls = self.session.controls
        if controls is None:
            return say("this cluster runs elsewhere; record it there: kubarium record FILE")
        if controls.is_recording:
            return controls.stop_recording()
        answer = await self.app.push_screen_wait(
            Ask(say("Record"), say("What you do from now on becomes a scenario in this file."),
                str(_free_file(Path.cwd())), check=_check_scenario_file)
        )  # fmt: skip
        if answer is None:
            return ""
        controls.record(Path(answer.strip()))
        return say("recording to {file}; ctrl-r stops", file=answer)

    async def do_save_screen(self, _objects: list[ApiObject]) -> str:
        """Write the screen as SVG."""
        try:
            path = self.app.save_screenshot(path=str(Path.cwd()))
        except OSError as error:
            return say("the screen could not be saved: {why}", why=error)
        return say("saved as {file}", file=path)


def _check_something(text: str) -> str:
    return "" if text.strip() else say("type something")


def _free_file(folder: Path) -> Path:
    """The first of session-1.toml, session-2.toml, … in *folder* that is not there."""
    return next(
        file for n in itertools.count(1) if not (file := folder / f"session-{n}.toml").exists()
    )


def _check_scenario_file(text: str) -> str:
    file = Path(text.strip()).expanduser()
    if file.suffix != ".toml":
        return say("a name that ends in .toml")
    if not file.absolute().parent.is_dir():
        return say("there is no folder {folder}", folder=file.parent)
    return say("it is there already; give another name") if file.exists() else ""
