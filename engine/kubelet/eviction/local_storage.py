"""Pods whose files take more of the node's disk than they may: measured now and then, and evicted.

Source: localStorageEviction, pkg/kubelet/eviction/eviction_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable, Iterator, Mapping

import attrs

from engine.api.container import Container
from engine.api.pod import Pod
from engine.api.quantity import format_bytes, parse_int
from engine.cri.commands import MeasureStorage
from engine.cri.events import StorageMeasured
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop, Timer
from engine.kubelet.pod_state import PodState, SandboxStep, is_terminal

LOOK_SECONDS = 10.0
GRACE_SECONDS = 1.0
RESOURCE = "ephemeral-storage"


@attrs.define(eq=False)
class LocalStorage:
    """One node's. *end* ends a pod for good: pod, state, reason, message, seconds it gets."""

    loop: Loop
    runtime: Runtime
    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    end: Callable[[Pod, PodState, str, str, float], None]
    _limited: dict[str, None] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def watch(self, pod: Pod) -> None:
        """Measure *pod* from now on, if it has limits."""
        if limited_volumes(pod) or any(limits(pod)):
            self._limited[pod.metadata.uid] = None
            if self._timer is None:
                self._timer = self.loop.call_later(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def measured(self, event: StorageMeasured) -> None:
        """The runtime has looked."""
        pod, state = self.pods.get(event.pod.uid), self.states.get(event.pod.uid)
        if pod is None or state is None or state.failed_reason or is_terminal(pod):
            return
        names = {
            work.current.container_id: name
            for name, work in state.containers.items()
            if work.current is not None
        }
        used = {names[id_]: size for id_, size in event.containers if id_ in names}
        message = excess(pod, dict(event.volumes), used)
        if message:
            self.end(pod, state, "Evicted", message, GRACE_SECONDS)

    def _look(self) -> None:
        self._timer = None
        for uid in tuple(self._limited):
            pod, state = self.pods.get(uid), self.states.get(uid)
            if pod is None or state is None or is_terminal(pod):
                del self._limited[uid]
            elif state.sandbox is SandboxStep.READY:
                self._ask(pod, state)
        if self._limited:
            self._timer = self.loop.call_later(LOOK_SECONDS, self._look)

    def _ask(self, pod: Pod, state: PodState) -> None:
        has_limits = any(limits(pod))
        ids = [work.current.container_id for work in state.containers.values() if work.current]
        volumes = on_disk(pod) if has_limits else limited_volumes(pod)
        self.runtime.submit(
            MeasureStorage(
                pod=state.identity,
                volumes=tuple(volumes),
                containers=tuple(ids) if has_limits else (),
            )
        )


def excess(pod: Pod, volumes: Mapping[str, int], containers: Mapping[str, int]) -> str:
    """Which limit *pod* is above, in the kubelet's words; empty if it is above none.

    *volumes* are the bytes of its empty directories, *containers* of what containers wrote and
    logged, by name.
    """
    for name, limit in limited_volumes(pod).items():
        if volumes.get(name, 0) > parse_int(limit):
            return f'Usage of EmptyDir volume "{name}" exceeds the limit "{limit}". '
    allowed = dict(limits(pod))
    total = sum(map(parse_int, allowed.values()))
    if allowed and sum(volumes.values()) + sum(containers.values()) > total:
        return (
            "Pod ephemeral local storage usage exceeds the total limit of containers "
            f"{format_bytes(total)}. "
        )
    for name, limit in allowed.items():
        if containers.get(name, 0) > parse_int(limit):
            return f'Container {name} exceeded its local ephemeral storage limit "{limit}". '
    return ""


def limits(pod: Pod) -> Iterator[tuple[str, str]]:
    """How much of the disk containers may take, of those that have a limit."""
    container: Container
    for container in pod.spec.containers:
        limit = container.resources.limits.get(RESOURCE)
        if limit:
            yield container.name, limit


def on_disk(pod: Pod) -> dict[str, str]:
    """The pod's empty directories that are not in memory, with their limits, perhaps empty."""
    return {
        volume.name: volume.empty_dir.size_limit or ""
        for volume in pod.spec.volumes
        if volume.empty_dir is not None and not volume.empty_dir.medium
    }


def limited_volumes(pod: Pod) -> dict[str, str]:
    """Those of them that have a limit."""
    return {name: limit for name, limit in on_disk(pod).items() if limit}
