"""Answers the API about decisions, and what would be decided if nodes were otherwise."""

from collections import Counter

import attrs

from engine.api import kubarium
from engine.api.frozen import freeze
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.apiserver.computed import ReadOnly
from engine.apiserver.errors import BadRequestError, MethodNotAllowedError, NotFoundError
from engine.apiserver.fields import Predicate
from engine.scheduler.decider import Decider, FirstOne
from engine.scheduler.decision import Decision
from engine.scheduler.decision_object import decision_object, decision_status
from engine.scheduler.failure import NO_HELP, preemption_message
from engine.scheduler.pod_info import PodInfo, pod_info
from engine.scheduler.preemption import Preemption
from engine.scheduler.profile import Profile
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.what_if import nodes_changed


@attrs.define(eq=False)
class DecisionAnswers(ReadOnly):
    """The kept decisions, and the pods that wait for their first one."""

    scheduler: Scheduler

    def get(self, name: str, namespace: str) -> ApiObject | None:
        """The last decision about a pod with every node, or None if there is nothing to tell.

        ``NAME.3`` is the third attempt at the pod NAME, as long as it is kept.
        """
        pods = self.scheduler.caches.pods.lister
        pod = pods.get(name, namespace=namespace)
        if pod is not None:
            return self._object(pod, is_full=True)
        name, _, number = name.rpartition(".")
        pod = pods.get(name, namespace=namespace) if number.isdigit() else None
        if pod is None:
            return None
        for decision in self.scheduler.decisions.attempts(pod.metadata.uid):
            if decision.attempt == int(number):
                return decision_object(pod, decision, is_full=True)
        return None

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[ApiObject, ...]:
        """The decisions of a namespace, or of all, without what was said of each node."""
        pods = self.scheduler.caches.pods.lister.list(namespace=namespace or None)
        made = (self._object(pod, is_full=False) for pod in pods)
        found = [obj for obj in made if obj is not None and (selects is None or selects(obj))]
        return tuple(sorted(found, key=lambda obj: obj.key))

    def _object(self, pod: Pod, *, is_full: bool) -> kubarium.Decision | None:
        queue = self.scheduler.queue
        decision = self.scheduler.decisions.get(pod.metadata.uid)
        queued = queue.get(pod.key)
        if decision is None and queued is None:
            return None
        earlier = self.scheduler.decisions.attempts(pod.metadata.uid)[:-1] if is_full else ()
        return decision_object(
            pod,
            decision,
            queue=queue.where(pod.key),
            queued=queued,
            is_full=is_full,
            earlier=earlier,
        )


@attrs.define(eq=False)
class WhatIfAnswers:
    """Decides for a pod on changed nodes. Nothing is bound, nobody is preempted."""

    scheduler: Scheduler

    def get(self, name: str, namespace: str) -> ApiObject | None:  # noqa: ARG002 - the protocol's signature
        """Nothing is kept.

        Raises:
            MethodNotAllowedError: always.
        """
        raise MethodNotAllowedError("what-ifs are answered when they are created, and not kept")

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[ApiObject, ...]:
        """Nothing is kept.

        Raises:
            MethodNotAllowedError: always.
        """
        del selects
        self.get("", namespace)
        return ()

    def create(self, obj: kubarium.WhatIf) -> kubarium.WhatIf:
        """The question with its answer.

        Raises:
            NotFoundError: there is no such pod.
            BadRequestError: the question makes no sense.
        """
        name = str(obj.spec.get("pod") or obj.metadata.name)
        namespace = obj.metadata.namespace or "default"
        changes = obj.spec.get("changes") or ()
        for field in obj.spec:
            if field not in ("pod", "changes"):
                raise BadRequestError(f"spec.{field}: unknown field; there is pod, changes")
        if not isinstance(changes, tuple):
            raise BadRequestError("spec.changes: must be a list")
        pod = self.scheduler.caches.pods.lister.get(name, namespace=namespace)
        if pod is None:
            raise NotFoundError.of("pods", name)
        profile = self.scheduler.profile_of(pod)
        if profile is None:
            raise BadRequestError(
                f"spec.pod: {namespace}/{name} is scheduled by {pod.spec.scheduler_name}"
            )
        # Where it is does not bind it: the question is where it would go.
        free = attrs.evolve(pod, spec=attrs.evolve(pod.spec, node_name=""))
        info = pod_info(free)
        table = self.scheduler.table
        placed = table.displace(pod.key)
        try:
            before = self._decide(info, profile)
            before_status = decision_status(before, is_full=False)
            with nodes_changed(table, changes):
                after = self._decide(info, profile)
                status = decision_status(after, is_full=True)
        finally:
            if placed is not None:
                table.place(placed.info, table.names[placed.row])
        answer = {
            "answer": _in_words(before, after),
            "nodeNameNow": pod.spec.node_name,
            "before": before_status,
            "after": status,
        }
        return attrs.evolve(obj, status=freeze(answer))

    def _decide(self, info: PodInfo, profile: Profile) -> Decision:
        scheduler = self.scheduler
        decider = Decider(scheduler.table, scheduler.nominator, FirstOne())
        decision = decider.decide(info, profile, attempt=1, now=scheduler.loop.now)
        if decision.chosen or not scheduler.table.node_count:
            return decision
        evaluation = decider.evaluation(info, profile)
        evaluation.refresh()
        reasons, hopeful = decider.reasons(evaluation, decision.nominated)
        rows = [] if decision.everywhere else hopeful.nonzero()[0].tolist()
        count = scheduler.table.node_count
        said = preemption_message(count, Counter({NO_HELP: count}))
        if profile.can_preempt and rows:
            budgets = scheduler.caches.budgets.lister.list()
            outcome = Preemption(decider, FirstOne()).look(info, profile, rows, budgets)
            said = outcome.message
            if outcome.candidate is not None:
                decision.nominee = scheduler.table.names[outcome.candidate.row]
        decision.message = decider.message(decision, reasons, said if profile.can_preempt else "")
        return decision


def _in_words(before: Decision, after: Decision) -> str:
    """What would be different."""
    old, new = before.chosen, after.chosen
    if new and new == old:
        return f"it would make no difference: {new} either way"
    if new:
        return f"it would go to {new}, " + (f"not to {old}" if old else "and has no node now")
    if after.nominee:
        return f"room would be made for it on {after.nominee}"
    if old:
        return f"it would have no node any more: {after.message}"
    return f"it would still have no node: {after.message}"
