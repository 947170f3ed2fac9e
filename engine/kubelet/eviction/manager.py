"""Watches what a node has left, says so, and ends pods one after the other when it is too little.

Source: pkg/kubelet/eviction/eviction_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable, Mapping
from math import inf

import attrs

from engine.api.node import Node
from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.cri.events import NodeMeasured
from engine.cri.status import ContainerUsage
from engine.kernel.loop import Loop, Timer
from engine.kubelet.eviction.ranking import PodUse, is_critical, message, rank
from engine.kubelet.eviction.thresholds import (
    DISK,
    MEMORY,
    Observation,
    Threshold,
    met,
    observe,
)
from engine.kubelet.pod_state import PodState, is_terminal

SYNC_SECONDS = 10.0
CLEANUP_SECONDS = 30.0
HARD_GRACE_SECONDS = 1.0
UNKNOWN_CAPACITY = 2**30
FORCED = {
    "memory": ("memory.available",),
    "disk": ("nodefs.available", "imagefs.available"),
    "pid": ("pid.available",),
}
SHORT = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "pid"}


@attrs.define(eq=False, kw_only=True)
class EvictionManager:
    """One node's.

    *usage* is what containers use, *disk_of* the bytes of a pod's files; *reclaim* removes what
    nobody needs (images, ended containers) and says whether there was any; *evict* ends a pod for
    a reason within some seconds; *changed* is called when `pressures` has changed.

    Promises:
        * a pod is evicted only when a threshold has not been kept for its grace period, after
          what nobody needs was removed, and when the one evicted before is gone;
        * a condition lasts *transition* seconds beyond its last cause.
    """

    loop: Loop
    recorder: EventRecorder
    node: Callable[[], Node | None]
    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    usage: Callable[[], Iterable[ContainerUsage]]
    reclaim: Callable[[], bool]
    evict: Callable[[Pod, PodState, str, float], None]
    changed: Callable[[], None]
    thresholds: tuple[Threshold, ...]
    transition: float = 300.0
    max_grace: float = 0.0
    pressures: dict[str, None] = attrs.field(factory=dict, init=False)
    _measured: NodeMeasured | None = attrs.field(default=None, init=False)
    _forced: dict[str, None] = attrs.field(factory=dict, init=False)
    _since: dict[Threshold, float] = attrs.field(factory=dict, init=False)
    _last_seen: dict[str, float] = attrs.field(factory=dict, init=False)
    _evicting: tuple[str, float] | None = attrs.field(default=None, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)
    _is_stopped: bool = attrs.field(default=False, init=False)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The node's conditions that hold now."""
        return tuple(name for name, short in SHORT.items() if short in self.pressures)

    def measured(self, event: NodeMeasured) -> None:
        """This is what the node has left."""
        self._measured = event
        self.look()

    def force(self, resource: str, *, is_short: bool) -> None:
        """See nothing left of memory, disk or pid, whatever is measured; or see again."""
        for signal in FORCED[resource]:
            if is_short:
                self._forced[signal] = None
            else:
                self._forced.pop(signal, None)
                # What was made up ends at once, not after a transition.
                for threshold in [item for item in self._since if item.signal == signal]:
                    del self._since[threshold]
                    self._last_seen.pop(threshold.condition, None)
        self.look()

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """Compare what is left with the thresholds, and act."""
        if self._is_stopped:
            return
        now, seen = self.loop.now, self._observations()
        found = met(self.thresholds, seen)
        kept_on = met((item for item in self._since if item not in found), seen, with_reclaim=True)
        found = (*found, *kept_on)
        self._since = {threshold: self._since.get(threshold, now) for threshold in found}
        for threshold in found:
            self._last_seen[threshold.condition] = now
        self._tell(now)
        due = [item for item in found if now - self._since[item] >= item.grace]
        due.sort(key=lambda item: (item.resource != MEMORY, not item.is_hard, item.signal))
        if due:
            self._act(due[0], seen[due[0].signal])
        self._wake(now)

    def _observations(self) -> dict[str, Observation]:
        seen = observe(self._measured) if self._measured is not None else {}
        for signal in self._forced:
            capacity = seen[signal].capacity if signal in seen else UNKNOWN_CAPACITY
            seen[signal] = Observation(available=0, capacity=capacity)
        return seen

    def _tell(self, now: float) -> None:
        """Set `pressures` by what was seen in the last *transition* seconds."""
        short = {
            SHORT[condition]: None
            for condition, at in sorted(self._last_seen.items())
            if at == now or now - at < self.transition
        }
        if short != self.pressures:
            self.pressures.clear()
            self.pressures.update(short)
            self.changed()

    def _wake(self, now: float) -> None:
        """Look again while something is short, or a condition is still to end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._since:
            self._timer = self.loop.call_later(SYNC_SECONDS, self.look)
        elif self.pressures:
            end = min((at + self.transition for at in self._last_seen.values()), default=inf)
            self._timer = self.loop.call_at(max(end, now + 1.0), self.look)

    def _act(self, threshold: Threshold, seen: Observation) -> None:
        if self._is_waiting():
            return
        node = self.node()
        if node is not None:
            what = f"Attempting to reclaim {threshold.resource}"
            self.recorder.warning(node, "EvictionThresholdMet", what)
        is_disk = threshold.resource in {DISK, "inodes"}
        if is_disk and threshold.signal not in self._forced and self.reclaim():
            return
        for use in rank(self._uses(threshold.resource), threshold.resource):
            state = self.states[use.pod.metadata.uid]
            grace = HARD_GRACE_SECONDS if threshold.is_hard else self.max_grace
            self._evicting = (use.pod.metadata.uid, self.loop.now)
            self.evict(use.pod, state, message(threshold, seen, use), grace)
            return

    def _is_waiting(self) -> bool:
        """Whether the pod evicted last is still ending."""
        if self._evicting is None:
            return False
        uid, since = self._evicting
        state = self.states.get(uid)
        if state is None or not state.is_anything_running:
            return False
        return self.loop.now - since < CLEANUP_SECONDS

    def _uses(self, resource: str) -> list[PodUse]:
        used: dict[str, dict[str, int]] = {}
        if resource == MEMORY:
            for item in self.usage():
                used.setdefault(item.pod.uid, {})[item.name] = item.memory
        files = dict(self._measured.pod_files) if self._measured is not None else {}
        return [
            PodUse(
                pod=pod,
                containers=used.get(uid, {}),
                beside=files.get(uid, 0) if resource == DISK else 0,
            )
            for uid, pod in self.pods.items()
            if uid in self.states
            and not self.states[uid].failed_reason
            and not is_terminal(pod)
            and pod.metadata.deletion_timestamp is None
            and not is_critical(pod)
        ]
