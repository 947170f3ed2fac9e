"""Shuts a node down in order: by the priority of pods, critical ones last; new ones are refused.

Source: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping

import attrs

from engine.api.pod import Pod
from engine.kernel.loop import Loop, Timer
from engine.kubelet.configuration import KubeletSettings
from engine.kubelet.eviction.ranking import CRITICAL
from engine.kubelet.killer import grace_of
from engine.kubelet.pod_state import PodState, is_terminal

REASON = "Terminated"
MESSAGE = "Pod was terminated in response to imminent node shutdown."
REFUSAL = "NodeShutdown", "Pod was rejected as the node is shutting down."
LOOK_SECONDS = 0.5

Steps = tuple[tuple[int, float], ...]
"""Priorities, ascending, and the seconds that pods from each of them on get."""


@attrs.define(eq=False, kw_only=True)
class NodeShutdown:
    """One node's. *end* ends a pod for good: pod, state, reason, message, seconds it gets."""

    loop: Loop
    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    end: Callable[[Pod, PodState, str, str, float], None]
    is_under_way: bool = attrs.field(default=False, init=False)
    _steps: Steps = attrs.field(default=(), init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def begin(self, steps: Steps, done: Callable[[], None]) -> None:
        """End all pods, those of each step within its seconds.

        *done* is called when nothing runs any more, or the time is over.
        """
        if self.is_under_way:
            return
        self.is_under_way = True
        self._steps = steps
        self._take(0, done)

    def stop(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _take(self, index: int, done: Callable[[], None]) -> None:
        if index == len(self._steps):
            done()
            return
        _, seconds = self._steps[index]
        for pod, state in self._of(index):
            if not state.failed_reason and not is_terminal(pod):
                self.end(pod, state, REASON, MESSAGE, min(seconds, grace_of(pod, state)))
        self._wait(index, self.loop.now + seconds, done)

    def _wait(self, index: int, until: float, done: Callable[[], None]) -> None:
        runs = any(state.is_anything_running for _, state in self._of(index))
        if self.loop.now >= until or not runs:
            self._take(index + 1, done)
            return
        self._timer = self.loop.call_later(LOOK_SECONDS, lambda: self._wait(index, until, done))

    def _of(self, index: int) -> list[tuple[Pod, PodState]]:
        return [
            (pod, self.states[uid])
            for uid, pod in self.pods.items()
            if uid in self.states and step_of(pod.spec.priority or 0, self._steps) == index
        ]


def steps_of(settings: KubeletSettings, seconds: float) -> Steps:
    """In what order pods end when the node has *seconds*: as configured, to scale."""
    if settings.shutdown_by_priority:
        share = seconds / settings.shutdown_grace if settings.shutdown_grace else 0.0
        return tuple((least, each * share) for least, each in settings.shutdown_by_priority)
    critical = min(seconds, settings.shutdown_grace_critical or seconds / 3)
    return (0, seconds - critical), (CRITICAL, critical)


def step_of(priority: int, steps: Steps) -> int:
    """Which of *steps*, whose priorities ascend, a pod belongs to; below all of them the first."""
    return max(0, sum(priority >= least for least, _ in steps) - 1)
