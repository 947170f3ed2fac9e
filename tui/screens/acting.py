"""How actions run: they ask what must be asked, call the operation, and say how it went."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Service
from engine.api.kubarium import Fault
from engine.api.load import Load, LoadSpec
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.replication import ReplicationController
from engine.api.stateful import StatefulSet
from engine.errors import EngineError
from engine.lab.schema import LabError
from engine.load.profile import Profile
from tui import operations
from tui.render import rollouts
from tui.render.text import plural
from tui.screens.dialogs import Ask, Confirm
from tui.screens.fault_form import FaultForm
from tui.session import Session

if TYPE_CHECKING:
    from tui.app import KubariumApp
    from tui.screens.labs import Desk

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0)


def traffic_problem(text: str) -> str:
    """What is wrong with a line such as ``ramp 10 200 60``, or nothing."""
    words = text.split()
    if len(words) != 4:
        return "four words: pattern, rate, peak or -, seconds"
    try:
        peak = None if words[2] == "-" else float(words[2])
        Profile(pattern=words[0], rate=float(words[1]), peak=peak, duration=float(words[3]))
    except ValueError:
        return "rate, peak and seconds are numbers"
    except EngineError as error:
        return str(error)
    return ""


def named(obj: ApiObject) -> str:
    """``pod/web-1``."""
    return f"{obj.KIND.lower()}/{obj.metadata.name}"


@attrs.define(eq=False)
class Actor:
    """Carries out actions on objects for one app. Every method may be called from a worker."""

    app: "KubariumApp"

    @property
    def session(self) -> Session:
        """The app's session."""
        return self.app.session

    async def run(self, action: str, objects: list[ApiObject]) -> None:
        """Do *action* to *objects*; whatever goes wrong is said, never raised."""
        method: Callable[[list[ApiObject]], Awaitable[str]] = getattr(self, f"do_{action}")
        about = ", ".join(named(obj) for obj in objects[:3]) or "the cluster"
        try:
            said = await method(objects)
        except EngineError as error:
            self.app.notify(
                str(error), title=f"Could not {action.replace('_', ' ')} {about}",
                severity="error", timeout=8, markup=False,
            )  # fmt: skip
            return
        if said:
            self.app.notify(said, timeout=4, markup=False)

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
            Ask("Answer", title, "", check=lambda text: "" if text.strip() else "type something")
        )
        return "" if answer is None else desk.ask(["answer", answer])

    async def do_lab_solution(self, _objects: list[ApiObject]) -> str:
        """Open the solution, after asking."""
        desk = self._lab_desk()
        text = "The task is worth no points once its solution is open."
        if not await self.app.push_screen_wait(Confirm("Solution", text, verb="Open")):
            return ""
        return desk.ask(["solution"])

    async def do_lab_reset(self, _objects: list[ApiObject]) -> str:
        """Put the cluster back, after asking."""
        desk = self._lab_desk()
        text = "What was made since the lab began is deleted, and its start is made anew."
        if not await self.app.push_screen_wait(Confirm("Reset", text, verb="Reset")):
            return ""
        return desk.ask(["reset"])

    def _lab_desk(self) -> "Desk":
        desk = self.app.lab_desk
        if desk is None:
            raise LabError("no lab is being done; start one: kubarium lab start NAME")
        return desk

    async def do_traffic(self, objects: list[ApiObject]) -> str:
        """Send requests to a service, or stop them."""
        service = objects[0]
        assert isinstance(service, Service)
        source, name = self.session.source, service.metadata.name
        namespace = service.metadata.namespace
        await self.session.watch(Load)
        for load in self.session.objects(Load).values():
            is_here = load.metadata.namespace == namespace and load.spec.service == name
            if is_here and load.status.get("phase") in (None, "Running"):
                await source.delete(Load, load.metadata.name, namespace=namespace)
                return f"traffic to {name} has been stopped"
        text = (
            f"Requests to service/{name}: pattern, rate, peak and seconds.\n"
            "constant 50 - 60,  ramp 10 200 60,  spike 20 200 60,  sine 20 80 120"
        )
        answer = await self.app.push_screen_wait(
            Ask("Traffic", text, "constant 50 - 60", check=traffic_problem)
        )
        if answer is None:
            return ""
        pattern, rate, peak, seconds = answer.split()
        spec = LoadSpec(
            service=name, pattern=pattern, rate=float(rate),
            port=service.spec.ports[0].port if service.spec.ports else 80,
            peak=None if peak == "-" else float(peak), duration_seconds=float(seconds),
        )  # fmt: skip
        meta = ObjectMeta(generate_name=f"{name}-", namespace=namespace)
        made = await source.create(Load(metadata=meta, spec=spec))
        return f"{made.metadata.name}: {pattern} traffic to {name}; t again stops it"

    # Workloads

    async def do_scale(self, objects: list[ApiObject]) -> str:
        """Ask for a number of pods."""
        obj = objects[0]
        assert isinstance(obj, Deployment | ReplicaSet | StatefulSet | ReplicationController)
        now = 1 if obj.spec.replicas is None else obj.spec.replicas
        answer = await self.app.push_screen_wait(
            Ask("Scale", f"How many pods of {named(obj)}? It has {now}.", str(now),
                check=_check_replicas)
        )  # fmt: skip
        if answer is None:
            return ""
        await operations.scale(self.session.source, obj, int(answer))
        return f"{named(obj)} scaled from {now} to {answer}"

    async def do_set_image(self, objects: list[ApiObject]) -> str:
        """Ask for an image and roll it out."""
        obj = objects[0]
        assert isinstance(obj, Deployment)
        container = obj.spec.template.spec.containers[0]
        answer = await self.app.push_screen_wait(
            Ask(
                "Set image",
                f"Image of container {container.name} of {named(obj)}.\nNow: {container.image}",
                operations.next_image(container.image),
                check=lambda text: "" if text.strip() else "an image is needed",
            )
        )
        if answer is None:
            return ""
        await operations.set_image(self.session.source, obj, container.name, answer.strip())
        return f"{named(obj)} rolls out {answer.strip()}"

    async def do_undo(self, objects: list[ApiObject]) -> str:
        """Go back to the revision before."""
        obj = objects[0]
        assert isinstance(obj, Deployment)
        sets = list(self.session.objects(ReplicaSet).values())
        target = operations.undo_target(obj, sets)
        was = rollouts.revision_of(target)
        text = (
            f"{named(obj)} goes back from {rollouts.tag_of(obj)} (revision"
            f" {rollouts.revision_of(obj)}) to {rollouts.tag_of(target)} (revision {was})."
        )
        if not await self.app.push_screen_wait(Confirm("Undo rollout", text, verb="Undo")):
            return ""
        await operations.undo(self.session.source, obj, sets)
        return f"{named(obj)} goes back to revision {was}"

    async def do_restart(self, objects: list[ApiObject]) -> str:
        """Replace all pods."""
        for obj in objects:
            await operations.restart(self.session.source, obj, self.session.now)
        return f"{named(objects[0])} restarts its pods"

    async def do_pause_rollout(self, objects: list[ApiObject]) -> str:
        """Hold a rollout, or let it go on."""
        obj = objects[0]
        assert isinstance(obj, Deployment)
        wanted = not obj.spec.paused
        await operations.set_paused(self.session.source, obj, is_paused=wanted)
        return f"rollout of {named(obj)} {'paused' if wanted else 'resumed'}"

    # Pods and objects of any kind

    async def do_delete(self, objects: list[ApiObject]) -> str:
        """Delete, after asking."""
        names = "\n".join(f"  {named(obj)}" for obj in objects[:8])
        more = f"\n  and {len(objects) - 8} more" if len(objects) > 8 else ""
        text = f"This deletes, with everything they own:\n{names}{more}"
        if not await self.app.push_screen_wait(Confirm("Delete", text, verb="Delete")):
            return ""
        for obj in objects:
            await operations.delete(self.session.source, obj)
        return f"{plural(len(objects), 'object')} deleted"

    async def do_kill(self, objects: list[ApiObject]) -> str:
        """Delete pods without grace."""
        for obj in objects:
            await operations.delete(self.session.source, obj, is_forced=True)
        return f"{named(objects[0])} killed"

    async def do_kill_containers(self, objects: list[ApiObject]) -> str:
        """Kill the processes of pods."""
        for obj in objects:
            assert isinstance(obj, Pod)
            await operations.kill_containers(self.session.source, obj)
        return f"containers of {named(objects[0])} killed"

    async def do_copy_name(self, objects: list[ApiObject]) -> str:
        """Copy the names."""
        self.app.copy_to_clipboard(" ".join(obj.metadata.name for obj in objects))
        return "name copied"

    # Nodes

    async def do_cordon(self, objects: list[ApiObject]) -> str:
        """Cordon or uncordon."""
        node = objects[0]
        assert isinstance(node, Node)
        wanted = not node.spec.unschedulable
        await operations.set_unschedulable(self.session.source, node, is_unschedulable=wanted)
        return f"{named(node)} {'cordoned' if wanted else 'uncordoned'}"

    async def do_drain(self, objects: list[ApiObject]) -> str:
        """Move all pods of a node away."""
        node = objects[0]
        assert isinstance(node, Node)
        pods = self._pods_of(node)
        text = f"This cordons {named(node)} and evicts its {plural(len(pods), 'pod')}."
        if not await self.app.push_screen_wait(Confirm("Drain", text, verb="Drain")):
            return ""
        count = await operations.drain(
            self.session.source, node, pods, lambda words: self.app.notify(words, markup=False)
        )
        return f"{named(node)} drained: {plural(count, 'pod')} evicted"

    async def do_crash(self, objects: list[ApiObject]) -> str:
        """Crash a node, or boot it again."""
        return await self._break(objects[0], operations.CRASH, "Crash", "restored")

    async def do_cut(self, objects: list[ApiObject]) -> str:
        """Cut a node off, or connect it again."""
        return await self._break(objects[0], operations.CUT, "Cut off", "connected again")

    async def _break(self, node: ApiObject, how: str, verb: str, mended: str) -> str:
        fault = self.session.get(Fault, f"{how}-{node.metadata.name}")
        if fault is not None:
            await operations.mend_node(self.session.source, fault)
            return f"{named(node)} {mended}"
        assert isinstance(node, Node)
        count = len(self._pods_of(node))
        what = (
            f"{named(node)} loses power: {plural(count, 'pod')} die with it."
            if how == operations.CRASH
            else f"{named(node)} no longer reaches the API server; its pods run on."
        )
        if not await self.app.push_screen_wait(Confirm(verb, what, verb=verb)):
            return ""
        await operations.break_node(self.session.source, node.metadata.name, how)
        return f"{named(node)}: {verb.lower()}"

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
        return f"{named(made)} begins"

    async def do_panic(self, _objects: list[ApiObject]) -> str:
        """End every active fault: at once where the cluster is ours, else over the API."""
        count = await operations.end_all_faults(
            self.session.source, list(self.session.objects(Fault).values())
        )
        return f"{plural(count, 'fault')} ended" if count else "nothing is broken"

    def _pods_of(self, node: Node) -> list[Pod]:
        name = node.metadata.name
        return [pod for pod in self.session.objects(Pod).values() if pod.spec.node_name == name]

    # The cluster and the app

    async def do_pause_cluster(self, _objects: list[ApiObject]) -> str:
        """Stop the cluster's time, or let it run on."""
        controls = self.session.controls
        if controls is None:
            return "this cluster's time is not ours to stop"
        if self.session.info.is_paused:
            controls.resume()
            return "time runs on"
        controls.pause()
        return "time stands still"

    async def do_slower(self, _objects: list[ApiObject]) -> str:
        """The next lower speed."""
        return self._speed(-1)

    async def do_faster(self, _objects: list[ApiObject]) -> str:
        """The next higher speed."""
        return self._speed(1)

    def _speed(self, step: int) -> str:
        controls = self.session.controls
        if controls is None:
            return "this cluster's time runs by itself"
        now = self.session.info.speed
        nearest = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - now))
        speed = SPEEDS[max(0, min(len(SPEEDS) - 1, nearest + step))]
        controls.set_speed(speed)
        return f"{speed:g} seconds per second"

    async def do_record(self, _objects: list[ApiObject]) -> str:
        """Begin to record what is done, or stop and write the scenario."""
        controls = self.session.controls
        if controls is None:
            return "this cluster runs elsewhere; record it there: kubarium record FILE"
        if controls.is_recording:
            return controls.stop_recording()
        answer = await self.app.push_screen_wait(
            Ask("Record", "What you do from now on becomes a scenario in this file.",
                str(_free_file(Path.cwd())), check=_check_scenario_file)
        )  # fmt: skip
        if answer is None:
            return ""
        controls.record(Path(answer.strip()))
        return f"recording to {answer}; ctrl-r stops"

    async def do_save_screen(self, _objects: list[ApiObject]) -> str:
        """Write the screen as SVG."""
        try:
            path = self.app.save_screenshot(path=str(Path.cwd()))
        except OSError as error:
            return f"the screen could not be saved: {error}"
        return f"saved as {path}"


def _check_replicas(text: str) -> str:
    if not text.isdigit():
        return "a whole number is needed"
    return "" if int(text) <= 10_000 else "at most 10,000"


def _free_file(folder: Path) -> Path:
    """The first of session-1.toml, session-2.toml, … in *folder* that is not there."""
    return next(
        file for n in itertools.count(1) if not (file := folder / f"session-{n}.toml").exists()
    )


def _check_scenario_file(text: str) -> str:
    file = Path(text.strip()).expanduser()
    if file.suffix != ".toml":
        return "a name that ends in .toml"
    if not file.absolute().parent.is_dir():
        return f"there is no folder {file.parent}"
    return "it is there already; give another name" if file.exists() else ""
