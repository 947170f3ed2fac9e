"""A lab on a cluster of its own: host, session, progress file, and who asks from outside."""

import argparse
import asyncio
from collections.abc import Callable
from typing import Any

import attrs

from engine.errors import EngineError
from engine.host import Host
from engine.hosting.options import HostOptions, state_folder
from engine.lab import state as states
from engine.lab.machine import node_configs
from engine.lab.progress import Progress
from engine.lab.schema import Lab
from engine.lab.session import LabSession
from engine.lab.tester import TaskProof, proving
from engine.lab.variables import seed_of

CHANNEL = "lab"
ASK_SECONDS = 0.2


class LabHost:
    """Runs one lab for one learner.

    Promises: the cluster goes when it stops; progress is saved at every change and taken up again
    by the next start, unless a fresh one is asked for.
    """

    def __init__(self, lab: Lab, options: argparse.Namespace, progress: Progress) -> None:
        self.lab = lab
        self.learner: str = options.learner
        self.language: str = getattr(options, "lang", "") or "en"
        self.progress = progress
        self.on_change: Callable[[LabSession], object] = bool
        self.host = Host(lab_options(lab, options))
        self.session: LabSession
        self._is_fresh = bool(getattr(options, "fresh", False))
        self._asking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the cluster and the lab.

        Raises:
            EngineError: the cluster cannot be started.
        """
        await self.host.start()
        self.session = make_session(self.host, self.lab, self._known())
        self.session.on_change = self._changed
        cluster = self.host.cluster
        cluster.journal.register(CHANNEL, lambda call: call())
        cluster.journal.post(CHANNEL, self.session.start)
        self._asking = asyncio.create_task(self._answer())

    async def stop(self) -> None:
        """Stop the lab and its cluster."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        if hasattr(self, "session"):
            self.session.stop()
        await self.host.stop()

    def _known(self) -> states.LabState:
        seed = seed_of(self.lab.seed, self.lab.id, self.learner)
        known = None if self._is_fresh else self.progress.load(self.learner, self.lab.id)
        state = states.fresh(self.lab, learner=self.learner, seed=seed)
        if known is not None and not known.is_done:
            ids = {task.id: task for task in known.tasks}
            # Tasks build on one another in the cluster, which is new: only what was paid remains.
            kept = tuple(
                attrs.evolve(
                    task,
                    hints=ids[task.id].hints,
                    attempts=ids[task.id].attempts,
                    penalty=ids[task.id].penalty,
                    is_solution_open=ids[task.id].is_solution_open,
                )
                if task.id in ids
                else task
                for task in state.tasks
            )
            state = attrs.evolve(state, tasks=kept)
        return attrs.evolve(state, kubeconfig=str(self.host.kubeconfig))

    def _changed(self, session: LabSession) -> None:
        self.progress.save(session.state)
        self.on_change(session)

    async def _answer(self) -> None:
        """Do what other terminals ask for."""
        while True:
            await asyncio.sleep(ASK_SECONDS)
            for words in self.progress.asked(self.learner, self.lab.id):
                try:
                    reply = (True, self.ask(words))
                except EngineError as error:
                    reply = (False, str(error))
                self.progress.reply(self.learner, self.lab.id, reply)

    def ask(self, words: list[str]) -> str:
        """Do ``hint``, ``answer TEXT``, ``solution`` or ``reset``; what came of it, in words.

        Raises:
            EngineError: it cannot be done now.
        """
        return str(self.host.cluster.journal.call(CHANNEL, self._asked(words)))

    def _asked(self, words: list[str]) -> Callable[[], str]:
        session = self.session

        def do() -> str:
            match words:
                case ["answer", text]:
                    return "right" if session.answer(text) else "not right"
                case ["hint"]:
                    return session.hint()
                case ["solution"]:
                    return session.open_solution()
                case ["reset"]:
                    session.reset()
                    return "the cluster goes back to how the task began"
            return f"{words[0]} is nothing a lab can do"

        return do


def lab_options(lab: Lab, options: argparse.Namespace) -> HostOptions:
    """The lab's cluster, as far as the command line does not say otherwise.

    Raises:
        LabError: the lab needs real containers and the command line forbids them.
    """
    from engine.lab.schema import LabError  # noqa: PLC0415 - only for the message

    runtime = options.runtime
    if "podman" in lab.needs:
        if runtime == "simulated":
            raise LabError(f"{lab.id} needs real containers; leave --runtime away")
        runtime = "podman"
    elif runtime == "auto":
        runtime = "simulated"
    specs = lab.start.node
    return HostOptions(
        workers=options.nodes or sum(spec.count for spec in specs) or 3,
        runtime=runtime,
        listen=options.listen,
        kubeconfig=options.kubeconfig,
        seed=options.seed if options.seed is not None else 1,
        speed=options.speed,
        shape=(lambda base: node_configs(specs, base)) if specs and not options.nodes else None,
    )


def make_session(host: Host, lab: Lab, state: states.LabState) -> LabSession:
    """A session of *lab* on the cluster of *host*."""
    client = host.cluster.client("lab", groups=("system:masters",))
    return LabSession(lab, client, host.view(client), state)


async def prove_for_real(lab: Lab) -> list[TaskProof]:
    """Do *lab* by its solutions on real containers, by the wall clock.

    Raises:
        EngineError: there are no real containers here.
    """
    options: Any = argparse.Namespace(
        runtime="podman", nodes=None, listen=("127.0.0.1", 0), seed=1, speed=1.0,
        kubeconfig=state_folder() / f"lab-test-{lab.id}.kubeconfig",
    )  # fmt: skip
    host = Host(lab_options(lab, options))
    try:
        await host.start()
        state = states.fresh(lab, learner="test", seed=1)
        session = make_session(host, lab, state)
        cluster = host.cluster
        cluster.journal.register(CHANNEL, lambda call: call())
        proofs: list[TaskProof] = []
        for seconds in proving(session, proofs, lambda call: cluster.journal.post(CHANNEL, call)):
            await asyncio.sleep(seconds)
        session.stop()
        return proofs
    finally:
        await host.stop()
        if options.kubeconfig.exists():
            options.kubeconfig.unlink()
