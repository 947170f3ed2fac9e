"""Finds a node for every pod: filter, score, choose, assume, bind. One pod per step of the loop.

Source: schedule_one.go, eventhandlers.go, kubernetes v1.34.
"""

from collections import Counter, OrderedDict
from typing import Protocol

import attrs

from engine.api.codec import encode_part
from engine.api.meta import Condition, condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.kernel.loop import Loop, Timer
from engine.scheduler.decision import Decision, DecisionLog, ScoreColumn, failure_message
from engine.scheduler.evaluation import Evaluation, Ranking, count_reasons
from engine.scheduler.node_table import NodeTable
from engine.scheduler.plugins.registry import FILTERS, SCORES
from engine.scheduler.pod_info import PodInfo, pod_info
from engine.scheduler.queue import QueuedPod, SchedulingQueue
from engine.scheduler.spread_constraints import constraints_of

SYNC_PERIOD = 0.1
FLUSH_PERIOD = 30.0
_TEMPLATES = 128
"""Templates whose evaluation is kept."""

_FREED = frozenset({"NodeResourcesFit", "NodePorts", "PodTopologySpread"})
_PLACED = frozenset({"PodTopologySpread"})


class Chance(Protocol):
    """Breaks ties: a random stream."""

    def randrange(self, stop: int, /) -> int:
        """A number from 0 to below *stop*."""
        ...


@attrs.define(eq=False, repr=False)
class Scheduler:
    """Binds pods that have no node.

    Promises:
        * what it has bound or is about to bind counts as taken at once, however late its cache is;
        * a pod that fits nowhere is tried again when something changes that may help it;
        * every attempt leaves a Decision in `decisions`.
    """

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    random: Chance
    name: str = "default-scheduler"
    table: NodeTable = attrs.field(factory=NodeTable, init=False)
    queue: SchedulingQueue = attrs.field(factory=SchedulingQueue, init=False)
    decisions: DecisionLog = attrs.field(factory=DecisionLog, init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _evaluations: OrderedDict[object, Evaluation] = attrs.field(factory=OrderedDict, init=False)
    _is_running: bool = attrs.field(default=False, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _backoff_timer: Timer | None = attrs.field(default=None, init=False)
    _flush_timer: Timer | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._pods = self.informers.informer(Pod)
        self.informers.informer(Node).add_handler(self._on_node)
        self._pods.add_handler(self._on_pod)

    def start(self) -> None:
        """Fill the caches, then begin to schedule."""
        self.informers.start()
        self._is_running = True
        self._begin_when_synced()

    def stop(self) -> None:
        """Schedule nothing until started again; waiting pods go on waiting."""
        self._is_running = False
        for timer in (self._backoff_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self._backoff_timer = self._flush_timer = None

    # One pod

    def decide(self, info: PodInfo, *, attempt: int = 1) -> Decision:
        """Where the pod would go now. Changes nothing but caches and the random stream."""
        evaluation = self._evaluation(info)
        evaluation.refresh()
        ranking = evaluation.rank()
        if len(ranking.rows) == 0:
            return self._refused(info, evaluation, attempt)
        best = ranking.best()
        drawn = best[self.random.randrange(len(best))] if len(best) > 1 else best[0]
        return Decision(
            pod=info.key,
            uid=info.uid,
            time=self.loop.now,
            attempt=attempt,
            nodes=self.table.names,
            failures=evaluation.first_failures(),
            verdicts=dict(evaluation.verdicts),
            candidates=tuple(ranking.rows.tolist()),
            scores=_columns(evaluation, ranking),
            totals=ranking.totals,
            chosen=self.table.names[drawn],
            tied=tuple(self.table.names[row] for row in best.tolist()),
        )

    def _refused(self, info: PodInfo, evaluation: Evaluation, attempt: int) -> Decision:
        failures = evaluation.first_failures()
        reasons, hopeful, hopeless = count_reasons(failures, evaluation.verdicts)
        return Decision(
            pod=info.key,
            uid=info.uid,
            time=self.loop.now,
            attempt=attempt,
            nodes=self.table.names,
            failures=failures,
            verdicts=dict(evaluation.verdicts),
            message=failure_message(
                self.table.node_count, reasons, hopeful=hopeful, hopeless=hopeless
            ),
        )

    def _schedule_next(self) -> None:
        self._is_scheduled = False
        queued = self.queue.pop() if self._is_running else None
        if queued is None:
            return
        pod = self._pods.lister.by_key(queued.key)
        if pod is not None and self._is_ours(pod):
            self.loop.context = queued.context
            self._schedule(queued, pod)
        self._wake()

    def _schedule(self, queued: QueuedPod, pod: Pod) -> None:
        info = pod_info(pod)
        queued.attempts += 1
        queued.tried = self.loop.now
        decision = self.decide(info, attempt=queued.attempts)
        self.decisions.add(decision)
        if not decision.chosen:
            queued.refused_by = frozenset(
                name for name, codes in decision.failures.items() if codes.any()
            )
            self.queue.add_unschedulable(queued)
            self._report_failure(pod, decision.message)
            return
        self.table.place(info, decision.chosen)
        try:
            self.client.bind(pod, decision.chosen)
        except ApiError as error:
            self.table.displace(info.key)
            self.queue.add_backoff(queued, self.loop.now)
            self._arm_backoff()
            self.recorder.warning(pod, "FailedScheduling", str(error))
            return
        self.recorder.normal(
            pod, "Scheduled", f"Successfully assigned {pod.key} to {decision.chosen}"
        )

    def _report_failure(self, pod: Pod, message: str) -> None:
        self.recorder.warning(pod, "FailedScheduling", message)
        known = condition_of(pod.status.conditions, "PodScheduled")
        if known is not None and (known.status, known.message) == ("False", message):
            return
        now = Time(self.loop.now)
        since = known.last_transition_time if known and known.status == "False" else now
        condition = Condition(
            type="PodScheduled",
            status="False",
            reason="Unschedulable",
            message=message,
            last_transition_time=since,
        )
        try:
            self.client.patch(
                Pod,
                pod.metadata.name,
                {"status": {"conditions": [encode_part(condition)]}},
                namespace=pod.metadata.namespace,
                type="strategic",
                subresource="status",
            )
        except ApiError:
            # The next attempt will say it again.
            return

    def _evaluation(self, info: PodInfo) -> Evaluation:
        found = self._evaluations.get(info.template)
        if found is not None:
            self._evaluations.move_to_end(info.template)
            return found
        made = Evaluation(
            info,
            self.table,
            tuple(plugin for plugin in FILTERS.values() if plugin.applies(info)),
            tuple(plugin for plugin in SCORES.values() if plugin.applies(info)),
        )
        self._evaluations[info.template] = made
        if len(self._evaluations) > _TEMPLATES:
            _, dropped = self._evaluations.popitem(last=False)
            self._forget_groups(dropped)
        return made

    def _forget_groups(self, dropped: Evaluation) -> None:
        kept = Counter(
            constraint.group
            for evaluation in self._evaluations.values()
            for constraint in constraints_of(evaluation.info)
        )
        for constraint in constraints_of(dropped.info):
            if not kept[constraint.group]:
                self.table.forget_group(constraint.group)

    # What happens around it

    def _is_ours(self, pod: Pod) -> bool:
        return (
            not pod.spec.node_name
            and pod.metadata.deletion_timestamp is None
            and pod.status.phase not in {"Succeeded", "Failed"}
            and (pod.spec.scheduler_name or "default-scheduler") == self.name
            and not pod.spec.scheduling_gates
        )

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            self.queue.remove(key)
            if old is not None:
                self.decisions.forget(old.metadata.uid)
            self._free(key)
        elif new.spec.node_name:
            self._on_bound(key, old, new)
        elif self._is_ours(new):
            self._on_waiting(key, old, new)
        else:
            self.queue.remove(key)

    def _on_bound(self, key: str, old: Pod | None, new: Pod) -> None:
        if new.status.phase in {"Succeeded", "Failed"}:
            self._free(key)
            return
        if (
            old is not None
            and old.spec is new.spec
            and old.metadata.labels is new.metadata.labels
            and self.table.placed(key) is not None
        ):
            return
        self.queue.remove(key)
        if self.table.place(pod_info(new), new.spec.node_name):
            self._revive(_PLACED)

    def _on_waiting(self, key: str, old: Pod | None, new: Pod) -> None:
        if old is not None and key in self.queue:
            is_same = old.spec == new.spec and old.metadata.labels == new.metadata.labels
            if not is_same:
                self.queue.revive_one(key, self.loop.now)
        elif self.table.placed(key) is None:
            self.queue.add(QueuedPod(key, new.spec.priority or 0, self.loop.now, self.loop.context))
        self._wake()

    def _free(self, key: str) -> None:
        if self.table.displace(key) is not None:
            self._revive(_FREED)

    def _on_node(self, _key: str, old: Node | None, new: Node | None) -> None:
        if new is None:
            if old is not None:
                self.table.remove_node(old.metadata.name)
            return
        helped = _helped_by(old, new)
        if helped is None or helped:
            self.table.put_node(new)
            self._revive(helped)
        else:
            self.table.nodes[self.table.rows[new.metadata.name]] = new

    def _revive(self, plugins: frozenset[str] | None) -> None:
        if len(self.queue):
            self.queue.revive(plugins, self.loop.now)
            self._arm_backoff()
            self._wake()

    def _wake(self) -> None:
        if self._is_running and not self._is_scheduled and self.queue.has_active():
            self.table.trim_log()
            self._is_scheduled = True
            self.loop.call_soon(self._schedule_next)

    def _arm_backoff(self) -> None:
        when = self.queue.next_backoff()
        if when is None or not self._is_running:
            return
        if self._backoff_timer is not None and self._backoff_timer.is_pending:
            if self._backoff_timer.when <= when:
                return
            self._backoff_timer.cancel()
        self._backoff_timer = self.loop.call_at(when, self._end_backoffs)

    def _end_backoffs(self) -> None:
        self.queue.end_backoffs(self.loop.now)
        self._arm_backoff()
        self._wake()

    def _flush(self) -> None:
        self.queue.revive_old(self.loop.now)
        self._arm_backoff()
        self._wake()
        self._flush_timer = self.loop.call_later(FLUSH_PERIOD, self._flush)

    def _begin_when_synced(self) -> None:
        if not self._is_running:
            return
        if not self.informers.has_synced:
            self.loop.call_later(SYNC_PERIOD, self._begin_when_synced)
            return
        self._flush_timer = self.loop.call_later(FLUSH_PERIOD, self._flush)
        self._arm_backoff()
        self._wake()


def _columns(evaluation: Evaluation, ranking: Ranking) -> dict[str, ScoreColumn]:
    columns = {}
    for plugin in evaluation.scores:
        raw = evaluation.raw[plugin.NAME][ranking.rows]
        normalized = raw if plugin.IS_PERCENT else plugin.normalize(raw)
        columns[plugin.NAME] = ScoreColumn(raw=raw, normalized=normalized, weight=plugin.WEIGHT)
    return columns


def _helped_by(old: Node | None, new: Node) -> frozenset[str] | None:
    """The plugins whose refusal may no longer hold after the change; None for all of them."""
    if old is None or old.metadata.uid != new.metadata.uid:
        return None
    helped: list[str] = []
    if old.status.allocatable != new.status.allocatable:
        helped.append("NodeResourcesFit")
    if old.metadata.labels != new.metadata.labels:
        helped += ["NodeAffinity", "PodTopologySpread"]
    if old.spec.taints != new.spec.taints:
        helped.append("TaintToleration")
    if old.spec.unschedulable != new.spec.unschedulable:
        helped.append("NodeUnschedulable")
    return frozenset(helped)
