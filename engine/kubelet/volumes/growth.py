"""Lets file systems grow on the node once their volumes have grown.

Source: pkg/volume/util/operationexecutor/node_expander.go, kubernetes v1.34.
"""

from collections.abc import Mapping

import attrs

from engine.api.ephemeral import claim_name
from engine.api.frozen import EMPTY
from engine.api.meta import is_true
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.quantity import parse_int
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.cri.commands import UpdateVolume
from engine.cri.events import VolumeResized
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop, Timer
from engine.kubelet.pod_state import PodState, SandboxStep

POLL_SECONDS = 2.0
RETRY_SECONDS = 120.0
PENDING = "FileSystemResizePending"
DONE = frozenset((PENDING, "Resizing", "NodeResizeError"))


@attrs.define(eq=False, kw_only=True)
class FileSystemGrowth:
    """Looks at the claims of running pods once in a while: nodes may not watch claims."""

    loop: Loop
    client: Client
    runtime: Runtime
    recorder: EventRecorder
    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    _timer: Timer | None = attrs.field(default=None, init=False)
    _asked: dict[tuple[str, str], str] = attrs.field(factory=dict, init=False)
    _refused: dict[tuple[str, str], float] = attrs.field(factory=dict, init=False)

    def wake(self) -> None:
        """A pod here has volumes of drivers: look at them from now on."""
        if self._timer is None:
            self._timer = self.loop.call_later(POLL_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resized(self, event: VolumeResized) -> None:
        """A file system has grown, or could not."""
        name = self._asked.pop((event.pod.uid, event.volume), None)
        pod = self.pods.get(event.pod.uid)
        if name is None or pod is None:
            return
        if event.error:
            again = self.loop.now + RETRY_SECONDS
            self._refused[event.pod.uid, event.volume] = again
            message = (
                f'NodeExpandVolume.NodeExpandVolume failed for volume "{name}" : {event.error}'
            )
            self.recorder.warning(pod, "VolumeResizeFailed", message)
            return
        try:
            volume = self.client.get(PersistentVolume, name)
            owner = volume.spec.claim_ref
            if owner is None:
                return
            claim = self.client.get(PersistentVolumeClaim, owner.name, namespace=owner.namespace)
            conditions = tuple(one for one in claim.status.conditions if one.type not in DONE)
            status = attrs.evolve(
                claim.status,
                capacity=volume.spec.capacity,
                conditions=conditions,
                allocated_resource_statuses=EMPTY,
            )
            claim = self.client.update_status(attrs.evolve(claim, status=status))
        except ApiError:
            return  # the next look begins anew
        message = f'MountVolume.NodeExpandVolume succeeded for volume "{name}" {pod.spec.node_name}'
        self.recorder.normal(pod, "FileSystemResizeSuccessful", message)
        self.recorder.normal(claim, "FileSystemResizeSuccessful", message)

    def _look(self) -> None:
        self._timer = None
        for key in [key for key in self._refused if key[0] not in self.states]:
            del self._refused[key]
        for uid, state in tuple(self.states.items()):
            pod = self.pods.get(uid)
            if pod is None or state.sandbox is not SandboxStep.READY:
                continue
            if not any(work.is_running for work in state.containers.values()):
                continue
            self._look_at(pod, state)
        if any(v.driver for state in self.states.values() for v in state.volumes.values()):
            self.wake()

    def _look_at(self, pod: Pod, state: PodState) -> None:
        for volume in pod.spec.volumes:
            known = state.volumes.get(volume.name)
            if known is None or not known.driver or known.is_device:
                continue
            if self._refused.get((pod.metadata.uid, volume.name), 0.0) > self.loop.now:
                continue
            name = claim_name(pod, volume)
            if not name:
                continue
            try:
                claim = self.client.get(
                    PersistentVolumeClaim, name, namespace=pod.metadata.namespace
                )
                if not is_true(claim.status.conditions, PENDING):
                    continue
                found = self.client.get(PersistentVolume, claim.spec.volume_name)
            except ApiError:
                continue
            size = parse_int(found.spec.capacity.get("storage", "0"))
            grown = attrs.evolve(known, size_limit=size)
            self._asked[pod.metadata.uid, volume.name] = found.metadata.name
            state.volumes = {**state.volumes, volume.name: grown}
            self.runtime.submit(UpdateVolume(pod=state.identity, volume=grown))
