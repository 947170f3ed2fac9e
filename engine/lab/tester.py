"""Proves a lab in virtual time: every task fails at its start and passes by its own solution."""

from collections.abc import Callable, Iterator

import attrs

from engine.cluster import Cluster
from engine.config import ClusterConfig
from engine.lab import state as states
from engine.lab.machine import simulated_nodes
from engine.lab.schema import Lab
from engine.lab.session import LabSession
from engine.scenario.checks import HttpAnswer
from engine.scenario.view import ClusterView

SETTLE_SECONDS = 20.0
TASK_LIMIT = 600.0


@attrs.frozen(kw_only=True)
class TaskProof:
    """What one task came to."""

    task: str
    fails_at_start: bool
    passes_by_solution: bool
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether the task is as it should be."""
        return self.fails_at_start and self.passes_by_solution


def prove(lab: Lab, *, seed: int = 1) -> list[TaskProof]:
    """Do *lab* by its own solutions on a simulated cluster, in virtual time."""
    nodes = simulated_nodes(lab.start.node)
    cluster = Cluster(config=ClusterConfig(nodes=nodes, seed=seed))
    cluster.start()
    cluster.run_for(SETTLE_SECONDS)
    client = cluster.client("lab", groups=("system:masters",))

    def fetch(url: str, done: Callable[[HttpAnswer], None]) -> None:
        cluster.modelled.get(
            url, lambda answer: done(HttpAnswer(status=answer.status, body=answer.body))
        )

    view = ClusterView(client, fetch, broken=cluster.monitor.broken)
    session = LabSession(lab, client, view, states.fresh(lab, learner="test", seed=seed))
    proofs: list[TaskProof] = []
    try:
        for seconds in proving(session, proofs, lambda call: call()):
            cluster.run_for(seconds)
    finally:
        session.stop()
        cluster.stop()
    return proofs


def proving(
    session: LabSession, proofs: list[TaskProof], enter: Callable[[Callable[[], None]], object]
) -> Iterator[float]:
    """Do the session's lab by its solutions; yields how many seconds should pass each time.

    What is proved is added to *proofs*. *enter* makes a call in a step of the cluster's loop.
    """
    enter(session.start)
    for _ in range(int(TASK_LIMIT)):
        yield 1.0
        if session.is_ready or session.problem:
            break
    for number, task in enumerate(session.lab.task):
        # Long enough for what is about to hold by itself.
        for _ in range(8):
            yield 1.0
        is_open = session.index == number and session.is_ready and not session.problem
        if is_open:
            enter(session.carry_out_solution)
        for _ in range(int(TASK_LIMIT)):
            if session.index != number or session.problem:
                break
            yield 1.0
        passed = is_open and session.index != number
        message = session.problem or "; ".join(session.state.tasks[number].missing)
        if not is_open and not session.problem:
            message = "it passes before anything is done"
        proofs.append(
            TaskProof(
                task=task.id,
                fails_at_start=is_open,
                passes_by_solution=passed,
                message="" if passed else message,
            )
        )
        if not passed:
            return
