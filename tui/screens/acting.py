"""Actions on objects: they ask what must be asked, call the operation, and say how it went."""

from collections.abc import Awaitable, Callable
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
from engine.load.profile import Profile
from tui import keymap, operations
from tui.language import say
from tui.render import rollouts
from tui.screens.cluster_acting import ClusterActor, named
from tui.screens.dialogs import Ask, Confirm
from tui.session import Session

if TYPE_CHECKING:
    from tui.app import KubariumApp


def traffic_problem(text: str) -> str:
    """What is wrong with a line such as ``ramp 10 200 60``, or nothing."""
    words = text.split()
    if len(words) != 4:
        return say("four words: pattern, rate, peak or -, seconds")
    try:
        peak = None if words[2] == "-" else float(words[2])
        Profile(pattern=words[0], rate=float(words[1]), peak=peak, duration=float(words[3]))
    except ValueError:
        return say("rate, peak and seconds are numbers")
    except EngineError as error:
        return str(error)
    return ""


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
        actor = self if hasattr(self, f"do_{action}") else ClusterActor(self.app)
        method: Callable[[list[ApiObject]], Awaitable[str]] = getattr(actor, f"do_{action}")
        about = ", ".join(named(obj) for obj in objects[:3]) or "the cluster"
        try:
            said = await method(objects)
        except EngineError as error:
            title = keymap.BY_ID[action].title
            verb = action.replace("_", " ") if say(title) == title else say(title)
            self.app.notify(
                say(str(error)), title=say("Could not {action} {about}", action=verb, about=about),
                severity="error", timeout=8, markup=False,
            )  # fmt: skip
            return
        if said:
            self.app.notify(said, timeout=4, markup=False)

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
                return say("traffic to {name} has been stopped", name=name)
        text = (
            say("Requests to {name}: pattern, rate, peak and seconds.", name=f"service/{name}")
            + "\nconstant 50 - 60,  ramp 10 200 60,  spike 20 200 60,  sine 20 80 120"
        )
        answer = await self.app.push_screen_wait(
            Ask(say("Traffic"), text, "constant 50 - 60", check=traffic_problem)
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
        return say("{load}: {pattern} traffic to {name}; t again stops it",
                   load=made.metadata.name, pattern=pattern, name=name)  # fmt: skip

    # Workloads

    async def do_scale(self, objects: list[ApiObject]) -> str:
        """Ask for a number of pods."""
        obj = objects[0]
        assert isinstance(obj, Deployment | ReplicaSet | StatefulSet | ReplicationController)
        now = 1 if obj.spec.replicas is None else obj.spec.replicas
        answer = await self.app.push_screen_wait(
            Ask(
                say("Scale"),
                say("How many pods of {name}? It has {now}.", name=named(obj), now=now),
                str(now),
                check=_check_replicas,
            )
        )
        if answer is None:
            return ""
        await operations.scale(self.session.source, obj, int(answer))
        return say("{name} scaled from {now} to {count}", name=named(obj), now=now, count=answer)

    async def do_set_image(self, objects: list[ApiObject]) -> str:
        """Ask for an image and roll it out."""
        obj = objects[0]
        assert isinstance(obj, Deployment)
        container = obj.spec.template.spec.containers[0]
        answer = await self.app.push_screen_wait(
            Ask(
                say("Set image"),
                say(
                    "Image of container {container} of {name}.\nNow: {image}",
                    container=container.name,
                    name=named(obj),
                    image=container.image,
                ),
                operations.next_image(container.image),
                check=lambda text: "" if text.strip() else say("an image is needed"),
            )
        )
        if answer is None:
            return ""
        await operations.set_image(self.session.source, obj, container.name, answer.strip())
        return say("{name} rolls out {image}", name=named(obj), image=answer.strip())

    async def do_undo(self, objects: list[ApiObject]) -> str:
        """Go back to the revision before."""
        obj = objects[0]
        assert isinstance(obj, Deployment)
        sets = list(self.session.objects(ReplicaSet).values())
        target = operations.undo_target(obj, sets)
        was = rollouts.revision_of(target)
        text = say(
            "{name} goes back from {tag} (revision {revision}) to {earlier} (revision {was}).",
            name=named(obj), tag=rollouts.tag_of(obj), revision=rollouts.revision_of(obj),
            earlier=rollouts.tag_of(target), was=was,
        )  # fmt: skip
        if not await self.app.push_screen_wait(
            Confirm(say("Undo rollout"), text, verb=say("Undo"))
        ):
            return ""
        await operations.undo(self.session.source, obj, sets)
        return say("{name} goes back to revision {was}", name=named(obj), was=was)

    async def do_restart(self, objects: list[ApiObject]) -> str:
        """Replace all pods."""
        for obj in objects:
            await operations.restart(self.session.source, obj, self.session.now)
        return say("{name} restarts its pods", name=named(objects[0]))

    async def do_pause_rollout(self, objects: list[ApiObject]) -> str:
        """Hold a rollout, or let it go on."""
        obj = objects[0]
        assert isinstance(obj, Deployment)
        wanted = not obj.spec.paused
        await operations.set_paused(self.session.source, obj, is_paused=wanted)
        return say(
            "rollout of {name} paused" if wanted else "rollout of {name} resumed", name=named(obj)
        )

    # Pods and objects of any kind

    async def do_delete(self, objects: list[ApiObject]) -> str:
        """Delete, after asking."""
        names = "\n".join(f"  {named(obj)}" for obj in objects[:8])
        if len(objects) > 8:
            names += "\n  " + say("and {count} more", count=len(objects) - 8)
        text = say("This deletes, with everything they own:\n{names}", names=names)
        if not await self.app.push_screen_wait(Confirm(say("Delete"), text, verb=say("Delete"))):
            return ""
        for obj in objects:
            await operations.delete(self.session.source, obj)
        return say("deleted: {count}", count=len(objects))

    async def do_kill(self, objects: list[ApiObject]) -> str:
        """Delete pods without grace."""
        for obj in objects:
            await operations.delete(self.session.source, obj, is_forced=True)
        return say("{name} killed", name=named(objects[0]))

    async def do_kill_containers(self, objects: list[ApiObject]) -> str:
        """Kill the processes of pods."""
        for obj in objects:
            assert isinstance(obj, Pod)
            await operations.kill_containers(self.session.source, obj)
        return say("containers of {name} killed", name=named(objects[0]))

    async def do_copy_name(self, objects: list[ApiObject]) -> str:
        """Copy the names."""
        self.app.copy_to_clipboard(" ".join(obj.metadata.name for obj in objects))
        return say("name copied")

    # Nodes

    async def do_cordon(self, objects: list[ApiObject]) -> str:
        """Cordon or uncordon."""
        node = objects[0]
        assert isinstance(node, Node)
        wanted = not node.spec.unschedulable
        await operations.set_unschedulable(self.session.source, node, is_unschedulable=wanted)
        return say("{name} cordoned" if wanted else "{name} uncordoned", name=named(node))

    async def do_drain(self, objects: list[ApiObject]) -> str:
        """Move all pods of a node away."""
        node = objects[0]
        assert isinstance(node, Node)
        pods = self._pods_of(node)
        text = say(
            "This cordons {name} and evicts its pods: {count}.", name=named(node), count=len(pods)
        )
        if not await self.app.push_screen_wait(Confirm(say("Drain"), text, verb=say("Drain"))):
            return ""
        count = await operations.drain(
            self.session.source, node, pods, lambda words: self.app.notify(words, markup=False)
        )
        return say("{name} drained; pods evicted: {count}", name=named(node), count=count)

    async def do_crash(self, objects: list[ApiObject]) -> str:
        """Crash a node, or boot it again."""
        return await self._break(objects[0], operations.CRASH, "Crash", "{name} restored")

    async def do_cut(self, objects: list[ApiObject]) -> str:
        """Cut a node off, or connect it again."""
        return await self._break(objects[0], operations.CUT, "Cut off", "{name} connected again")

    async def _break(self, node: ApiObject, how: str, verb: str, mended: str) -> str:
        fault = self.session.get(Fault, f"{how}-{node.metadata.name}")
        if fault is not None:
            await operations.mend_node(self.session.source, fault)
            return say(mended, name=named(node))
        assert isinstance(node, Node)
        count = len(self._pods_of(node))
        what = say(
            "{name} loses power, and its {count} pods die with it."
            if how == operations.CRASH
            else "{name} no longer reaches the API server; its pods run on.",
            name=named(node), count=count,
        )  # fmt: skip
        if not await self.app.push_screen_wait(Confirm(say(verb), what, verb=say(verb))):
            return ""
        await operations.break_node(self.session.source, node.metadata.name, how)
        return f"{named(node)}: {say(verb).lower()}"

    def _pods_of(self, node: Node) -> list[Pod]:
        name = node.metadata.name
        return [pod for pod in self.session.objects(Pod).values() if pod.spec.node_name == name]


def _check_replicas(text: str) -> str:
    if not text.isdigit():
        return say("a whole number is needed")
    return "" if int(text) <= 10_000 else say("at most 10,000")
