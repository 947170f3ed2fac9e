"""Runs plans on simulated clusters in virtual time, finds what breaks, makes it small."""

from collections.abc import Callable, Sequence

import attrs

from engine.api.frozen import freeze
from engine.api.kubarium import Fault, FaultTarget
from engine.apiserver.errors import ApiError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.errors import EngineError
from engine.faults.controls import make_fault
from engine.faults.invariants.violation import Violation
from engine.scenario.actions import apply_yaml
from engine.scenario.soak.plan import Action

SETTLE_SECONDS = 5.0
QUIET_SECONDS = 130.0
RETRY_SECONDS = 1.0
TRIES = 60
Prepare = Callable[[Cluster], object]
"""Does something to a cluster before it starts: a test plants its bug so."""


@attrs.frozen(kw_only=True)
class Outcome:
    """How a run went: the first violation (or the error that ended it), if there was one."""

    seed: int
    violation: Violation | None = None
    error: str = ""
    revisions: int = 0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether every promise held."""
        return self.violation is None and not self.error

    @property
    def kind(self) -> str:
        """What went wrong, in a word that stays the same while a run is made smaller."""
        if self.violation is not None:
            return self.violation.invariant
        return self.error.partition(":")[0]


def run_plan(
    plan: Sequence[Action],
    *,
    seed: int,
    nodes: int = 10,
    seconds: float = 60.0,
    prepare: Prepare = bool,
) -> Outcome:
    """Do *plan* on a new cluster, let it come to rest, and say how it went."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(nodes), seed=seed))
    prepare(cluster)
    error = ""
    try:
        cluster.start()
        cluster.run_for(SETTLE_SECONDS)
        start = cluster.loop.now
        for number, action in enumerate(plan):
            cluster.loop.call_at(start + action.at, _attempt, cluster, action, number, TRIES)
        end = start + seconds
        while cluster.loop.now < end and not cluster.monitor.violations:
            cluster.run_for(min(5.0, end - cluster.loop.now))
        if not cluster.monitor.violations:
            cluster.injector.recover_all()
            cluster.run_for(QUIET_SECONDS)
    except Exception as failure:  # noqa: BLE001 - any exception is a finding of the soak
        error = f"{type(failure).__name__}: {failure}"
    found = cluster.monitor.violations
    outcome = Outcome(
        seed=seed,
        violation=found[0] if found else None,
        error=error,
        revisions=cluster.store.revision,
        seconds=cluster.loop.now - cluster.config.start_time,
    )
    if not error:
        cluster.stop()
    return outcome


def shrink(
    plan: Sequence[Action], fails: Callable[[Sequence[Action]], bool], *, tries: int = 200
) -> tuple[Action, ...]:
    """The smallest part of *plan* found that still fails, by leaving parts away (ddmin)."""
    current = list(plan)
    parts = 2
    while len(current) >= 2 and tries > 0:
        size = max(1, len(current) // parts)
        for start in range(0, len(current), size):
            smaller = current[:start] + current[start + size :]
            tries -= 1
            if smaller and fails(smaller):
                current, parts = smaller, max(2, parts - 1)
                break
            if tries <= 0:
                break
        else:
            if size == 1:
                break
            parts = min(len(current), parts * 2)
    return tuple(current)


def _attempt(cluster: Cluster, action: Action, number: int, tries: int) -> None:
    """Do one action; if the API server refuses for now, again a little later."""
    try:
        do(cluster, action, number)
    except ApiError as error:
        is_for_now = error.code >= 500 or error.code in (409, 429)
        if is_for_now and tries > 0 and error.reason != "AlreadyExists":
            cluster.loop.call_later(RETRY_SECONDS, _attempt, cluster, action, number, tries - 1)
    except EngineError:
        return


def do(cluster: Cluster, action: Action, number: int) -> None:
    """Do one action, as a user would.

    Raises:
        ApiError: it is refused.
    """
    client = cluster.admin
    kind, _, name = action.name.partition("/")
    match action.do:
        case "apply":
            apply_yaml(client, action.text, "default")
        case "fault":
            cluster.apply(make_fault_of(action, f"soak-{number}"))
        case _:
            cls = cluster.server.scheme.class_for(_VERSIONS[kind], kind)
            assert cls is not None
            if action.do == "delete":
                client.delete(cls, name, namespace="default")
            elif action.do == "scale":
                scaled = {"spec": {"replicas": action.replicas}}
                client.patch(cls, name, scaled, namespace="default")
            else:
                container = {"name": "web", "image": action.text}
                template = {"spec": {"containers": [container]}}
                patch: dict[str, object] = {"spec": {"template": template}}
                client.patch(cls, name, patch, namespace="default", type="strategic")


_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
}


def make_fault_of(action: Action, name: str) -> Fault:
    """The Fault object of an action."""
    given = dict(action.target)
    target = FaultTarget(
        nodes=(given["node"],) if "node" in given else (),
        expression=given.get("expression", ""),
        component=given.get("component", ""),
        mode=given.get("mode", ""),
        value=30 if given.get("mode") == "fixed-percent" else 0,
    )
    params = dict(action.params)
    if action.fault == "link.delay":
        params.setdefault("seconds", 1.0)
    return make_fault(
        name, action.fault, target, params=freeze(params), duration=action.seconds or None
    )
