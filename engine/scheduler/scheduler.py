"""Finds a node for every pod: decide, assume, bind; make room by preemption; try again in time.

One pod per step of the loop.

Source: schedule_one.go, eventhandlers.go, kubernetes v1.34.
"""

from collections.abc import Callable

import attrs
import numpy as np

from engine.api.pod import Pod
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.client.recorder import EventRecorder
from engine.kernel.loop import Loop, Timer
from engine.scheduler.attempts import AttemptCounts
from engine.scheduler.caches import Caches
from engine.scheduler.columns import Mask
from engine.scheduler.configuration import SchedulerSettings
from engine.scheduler.decider import Chance, Decider
from engine.scheduler.decision import Decision, DecisionLog, Victim
from engine.scheduler.hints import ClusterEvent, may_help
from engine.scheduler.node_table import NodeTable
from engine.scheduler.nominator import Nominator
from engine.scheduler.plugins.volume_binding import BindingPlan, VolumeBinding
from engine.scheduler.pod_info import PodInfo, pod_info
from engine.scheduler.preemption import Preemption
from engine.scheduler.profile import DEFAULT_SCHEDULER, Profile
from engine.scheduler.queue import QueuedPod, SchedulingQueue
from engine.scheduler.reporter import Reporter
from engine.scheduler.volume_binder import VolumeBinder
from engine.scheduler.volume_view import VolumeView

SYNC_PERIOD = 0.1
FLUSH_PERIOD = 30.0


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
    settings: SchedulerSettings = attrs.field(factory=SchedulerSettings)
    make_recorder: Callable[[str], EventRecorder] | None = None
    table: NodeTable = attrs.field(factory=NodeTable, init=False)
    queue: SchedulingQueue = attrs.field(init=False)
    decisions: DecisionLog = attrs.field(factory=DecisionLog, init=False)
    attempts: AttemptCounts = attrs.field(factory=AttemptCounts, init=False)
    nominator: Nominator = attrs.field(factory=Nominator, init=False)
    volumes: VolumeView = attrs.field(init=False)
    profiles: dict[str, Profile] = attrs.field(init=False)
    decider: Decider = attrs.field(init=False)
    caches: Caches = attrs.field(init=False)
    _preemption: Preemption = attrs.field(init=False)
    _reporter: Reporter = attrs.field(init=False)
    _binder: VolumeBinder = attrs.field(init=False)
    _recorders: dict[str, EventRecorder] = attrs.field(factory=dict, init=False)
    _is_running: bool = attrs.field(default=False, init=False)
    _is_scheduled: bool = attrs.field(default=False, init=False)
    _backoff_timer: Timer | None = attrs.field(default=None, init=False)
    _flush_timer: Timer | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        settings = self.settings
        self.queue = SchedulingQueue(settings.initial_backoff, settings.max_backoff)
        self.caches = Caches(self.informers, self)
        self.volumes = self.caches.volume_view()
        self.profiles = {
            given.name: given.make(self.volumes, self.caches.services.lister)
            for given in settings.profiles
        }
        self.decider = Decider(self.table, self.nominator, self.random)
        self._preemption = Preemption(self.decider, self.random)
        self._reporter = Reporter(self.loop, self.client, self._recorder_for)
        self._binder = VolumeBinder(self.loop, self.client, self.volumes)
        self.caches.follow()

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

    def profile_of(self, pod: Pod) -> Profile | None:
        """The profile that schedules a pod; None if that is another scheduler's."""
        return self.profiles.get(pod.spec.scheduler_name or DEFAULT_SCHEDULER)

    # One pod

    def decide(self, info: PodInfo, *, attempt: int = 1) -> Decision:
        """Where the pod would go now. Changes nothing but caches and the random stream."""
        profile = self.profile_of(info.pod) or next(iter(self.profiles.values()))
        return self.decider.decide(info, profile, attempt=attempt, now=self.loop.now)

    def _schedule_next(self) -> None:
        self._is_scheduled = False
        queued = self.queue.pop() if self._is_running else None
        if queued is None:
            return
        pod = self.caches.pods.lister.by_key(queued.key)
        if pod is not None and self.is_ours(pod):
            self.loop.context = queued.context
            self._schedule(queued, pod)
        self._wake()

    def _schedule(self, queued: QueuedPod, pod: Pod) -> None:
        info = queued.info
        if info is None or info.pod is not pod:
            info = queued.info = pod_info(pod)
        queued.attempts += 1
        self.attempts.begin()
        decision = self.decide(info, attempt=queued.attempts)
        self.decisions.add(decision)
        if decision.chosen:
            self._assume(queued, info, decision)
        else:
            self._refuse(queued, info, decision)

    def _assume(self, queued: QueuedPod, info: PodInfo, decision: Decision) -> None:
        self.table.place(info, decision.chosen)
        self.nominator.forget(info.key)
        plan = self._volume_plan(info, decision)
        if plan is None:
            self._bind(queued, info, decision)
            return
        profile = self.profile_of(info.pod)
        assert profile is not None
        self.attempts.leave()
        try:
            self._binder.begin(
                info.key,
                decision.chosen,
                plan,
                on_bound=lambda: self._bind(queued, info, decision),
                on_failed=lambda why: self._give_back(queued, info, why),
                timeout=profile.bind_timeout,
            )
        except ApiError as error:
            self._give_back(queued, info, f"binding volumes: {error}")

    def _volume_plan(self, info: PodInfo, decision: Decision) -> BindingPlan | None:
        if not info.claims:
            return None
        profile = self.profile_of(info.pod)
        assert profile is not None
        for plugin in profile.filters:
            if isinstance(plugin, VolumeBinding):
                plan = plugin.plan(info, self.table, decision.chosen)
                return plan if plan.bind or plan.provision else None
        return None

    def _bind(self, queued: QueuedPod, info: PodInfo, decision: Decision) -> None:
        try:
            self.client.bind(info.pod, decision.chosen)
        except NotFoundError:
            self.table.displace(info.key)
        except ApiError as error:
            self._give_back(queued, info, str(error))
        else:
            self.attempts.scheduled(decision.profile, self.loop.now - queued.created)
            self._reporter.scheduled(info.pod, decision.profile, decision.chosen)

    def _give_back(self, queued: QueuedPod, info: PodInfo, why: str) -> None:
        """The pod did not come to its node after all: try it again after its back-off."""
        self.table.displace(info.key)
        self.queue.note_attempt(queued, self.loop.now)
        self.queue.add_backoff(queued, self.loop.now)
        self._arm_backoff()
        profile = info.pod.spec.scheduler_name or DEFAULT_SCHEDULER
        self.attempts.count("error", profile)
        self._reporter.failed(info.pod, profile, why, reason="SchedulerError")

    def _refuse(self, queued: QueuedPod, info: PodInfo, decision: Decision) -> None:
        profile = self.profile_of(info.pod)
        assert profile is not None
        evaluation = self.decider.evaluation(info, profile)
        evaluation.refresh()
        reasons, hopeful = self.decider.reasons(evaluation, decision.nominated)
        refused = {
            name
            for name, codes in {**evaluation.codes, **evaluation.wide_codes}.items()
            if codes.any()
        }
        refused |= {refusal.plugin for refusal in decision.nominated.values()}
        queued.refused_by = frozenset(refused)
        queued.template = info.template
        nominee: str | None = None
        preemption = ""
        if profile.can_preempt and self.table.node_count:
            nominee, preemption = self._preempt(info, profile, decision, hopeful)
        decision.message = self.decider.message(decision, reasons, preemption)
        self.queue.note_attempt(queued, self.loop.now)
        self.queue.add_unschedulable(queued)
        self.attempts.count("unschedulable", decision.profile)
        self._reporter.failed(info.pod, decision.profile, decision.message, nominee=nominee)

    def _preempt(
        self, info: PodInfo, profile: Profile, decision: Decision, hopeful: Mask
    ) -> tuple[str | None, str]:
        """The node that room is made on (None: as before), and what there is to say otherwise."""
        rows = [] if decision.everywhere else np.flatnonzero(hopeful).tolist()
        budgets = self.caches.budgets.lister.list() if rows else ()
        self.attempts.preemptions += 1
        outcome = self._preemption.look(info, profile, rows, budgets)
        candidate = outcome.candidate
        if candidate is None:
            was_nominated = bool(self.nominator.node_of(info.key))
            if was_nominated and outcome.message.startswith("0/"):
                self.nominator.forget(info.key)
                return "", outcome.message
            return None, outcome.message
        name = self.table.names[candidate.row]
        decision.nominee = name
        decision.victims = tuple(Victim(pod.key, pod.priority) for pod in candidate.victims)
        try:
            self._reporter.preempt(info, candidate.victims, profile.name, name)
        except ApiError as error:
            return None, str(error)
        self.attempts.preempted(len(candidate.victims))
        lesser = self.nominator.lesser(info, name)
        for other in lesser:
            self.nominator.forget(other.key)
        self._reporter.unnominate(lesser)
        self.nominator.put(info, name)
        return name, ""

    # What the caches say

    def is_ours(self, pod: Pod) -> bool:
        """Whether the pod waits for us to find its node."""
        return (
            not pod.spec.node_name
            and pod.metadata.deletion_timestamp is None
            and pod.status.phase not in {"Succeeded", "Failed"}
            and self.profile_of(pod) is not None
            and not self._binder.is_waiting(pod.key)
        )

    def put_waiting(self, key: str, old: Pod | None, new: Pod) -> None:
        """A pod without a node is there, or changed."""
        if new.status.nominated_node_name and not self.nominator.node_of(key):
            self.nominator.put(pod_info(new), new.status.nominated_node_name)
        queued = self.queue.get(key)
        is_gated = bool(new.spec.scheduling_gates)
        if queued is None:
            if self.table.placed(key) is None:
                queued = QueuedPod(key, new.spec.priority or 0, self.loop.now, self.loop.context)
                (self.queue.add_gated if is_gated else self.queue.add)(queued)
        elif self.queue.where(key) == "gated":
            if not is_gated:
                queued.context = self.loop.context
                self.queue.add(queued)
        elif old is not None and (
            old.spec != new.spec or old.metadata.labels != new.metadata.labels
        ):
            queued.info = None
            self.queue.revive_one(key, self.loop.now)
            self._arm_backoff()
        self._wake()

    def forget_pod(self, key: str, uid: str) -> None:
        """A pod is gone, or is no longer ours to place."""
        self.queue.remove(key)
        self.nominator.forget(key)
        self._binder.cancel(key)
        self.decisions.forget(uid)

    def bound(self, key: str) -> None:
        """A pod has its node."""
        self.queue.remove(key)
        self.nominator.forget(key)
        self._binder.cancel(key)

    def happened(self, event: ClusterEvent) -> None:
        """Try pods again that *event* may help."""
        if self.queue.has_unschedulable:
            moved = self.queue.revive(
                lambda queued: (
                    queued.info is None
                    or not queued.refused_by
                    or may_help(queued.info, queued.refused_by, event)
                ),
                self.loop.now,
            )
            if moved:
                self._arm_backoff()
                self._wake()

    def claim_changed(self, key: str) -> None:
        """A claim may be what a pod waits for."""
        self._binder.claim_changed(key)

    def _recorder_for(self, profile: str) -> EventRecorder:
        if profile == DEFAULT_SCHEDULER or self.make_recorder is None:
            return self.recorder
        if profile not in self._recorders:
            self._recorders[profile] = self.make_recorder(profile)
        return self._recorders[profile]

    # When to try

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
