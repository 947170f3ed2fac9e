"""What comes of probes: a container is ready, has started, or is killed.

Source: kubelet prober_manager.go and computePodActions, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping

import attrs

from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.kubelet.images import field_path
from engine.kubelet.killer import Killer, grace_of
from engine.kubelet.pod_state import ContainerWork, PodState
from engine.kubelet.prober import LIVENESS, READINESS, STARTUP, ProbeTarget


@attrs.define(eq=False, kw_only=True)
class ProbeResults:
    """Puts the prober's results into the pods' states; those of earlier runs count for nothing.

    *sync* is called with the uid of each pod whose state may have changed.
    """

    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    killer: Killer
    recorder: EventRecorder
    sync: Callable[[str], object]

    def decided(self, target: ProbeTarget, kind: str, success: bool) -> None:  # noqa: FBT001 - a Verdict
        """A threshold has been reached."""
        found = self._find(target)
        if found is None:
            return
        pod, state, work = found
        if kind == READINESS:
            work.is_ready = success
        elif kind == STARTUP and success:
            work.has_started = True
        elif kind in {STARTUP, LIVENESS} and not success:
            container = target.container
            probe = container.startup_probe if kind == STARTUP else container.liveness_probe
            own = probe.termination_grace_period_seconds if probe is not None else None
            grace = grace_of(pod, state) if own is None else float(own)
            message = f"Container {work.name} failed {kind} probe, will be restarted"
            self.killer.kill(pod, state, work, message=message, grace=grace)
        self.sync(target.pod_uid)

    def told(self, target: ProbeTarget, reason: str, message: str) -> None:
        """A check has come to something that the pod's Events tell."""
        found = self._find(target)
        if found is not None:
            pod, _, work = found
            path = field_path(pod, work.name)
            self.recorder.warning(pod, reason, message, field_path=path)

    def _find(self, target: ProbeTarget) -> tuple[Pod, PodState, ContainerWork] | None:
        """The pod and the container of *target*, if that run is the present one."""
        pod, state = self.pods.get(target.pod_uid), self.states.get(target.pod_uid)
        if pod is None or state is None:
            return None
        work = state.work(target.container.name)
        record = work.current
        if record is None or not record.is_running or record.container_id != target.container_id:
            return None
        return pod, state, work
