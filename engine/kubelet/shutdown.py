"""Shuts a node down in order: ordinary pods end first, critical ones last, new ones are refused.

Source: pkg/kubelet/nodeshutdown/nodeshutdown_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping

import attrs

from engine.api.pod import Pod
from engine.kernel.loop import Loop, Timer
from engine.kubelet.eviction.ranking import CRITICAL
from engine.kubelet.killer import grace_of
from engine.kubelet.pod_state import PodState, is_terminal

REASON = "Terminated"
MESSAGE = "Pod was terminated in response to imminent node shutdown."
REFUSAL = "NodeShutdown", "Pod was rejected as the node is shutting down."
LOOK_SECONDS = 0.5


@attrs.define(eq=False, kw_only=True)
class NodeShutdown:
    """One node's. *end* ends a pod for good: pod, state, reason, message, seconds it gets."""

    loop: Loop
    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    end: Callable[[Pod, PodState, str, str, float], None]
    is_under_way: bool = attrs.field(default=False, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def begin(self, seconds: float, critical: float, done: Callable[[], None]) -> None:
        """End all pods within *seconds*, of which critical ones have the last *critical*.

        *done* is called when nothing runs any more, or the time is over.
        """
        if self.is_under_way:
            return
        self.is_under_way = True
        self._end_all(is_critical=False, seconds=seconds - critical)
        until = self.loop.now + seconds - critical
        self._wait(until, lambda: self._last(critical, done), is_critical=False)

    def stop(self) -> None:
        """Do nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def _last(self, seconds: float, done: Callable[[], None]) -> None:
        self._end_all(is_critical=True, seconds=seconds)
        self._wait(self.loop.now + seconds, done, is_critical=True)

    def _wait(self, until: float, then: Callable[[], None], *, is_critical: bool) -> None:
        runs = any(state.is_anything_running for _, state in self._of(is_critical=is_critical))
        if self.loop.now >= until or not runs:
            then()
            return
        self._timer = self.loop.call_later(
            LOOK_SECONDS, lambda: self._wait(until, then, is_critical=is_critical)
        )

    def _end_all(self, *, is_critical: bool, seconds: float) -> None:
        for pod, state in self._of(is_critical=is_critical):
            if not state.failed_reason and not is_terminal(pod):
                self.end(pod, state, REASON, MESSAGE, min(seconds, grace_of(pod, state)))

    def _of(self, *, is_critical: bool) -> list[tuple[Pod, PodState]]:
        return [
            (pod, self.states[uid])
            for uid, pod in self.pods.items()
            if uid in self.states and ((pod.spec.priority or 0) >= CRITICAL) == is_critical
        ]
