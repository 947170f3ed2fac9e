"""Runtime events into pod states: what happened, and which pod is to be looked at again.

The name is the kubelet's: pod lifecycle event generator.
"""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.cri import events
from engine.cri.commands import RemoveContainer
from engine.cri.events import RuntimeEvent
from engine.cri.runtime import Runtime
from engine.cri.status import NodeImage
from engine.kernel.loop import Loop
from engine.kubelet.checks import CheckRunner
from engine.kubelet.images import ImageManager
from engine.kubelet.pod_actions import must_end
from engine.kubelet.pod_state import (
    ContainerRecord,
    ContainerWork,
    PodState,
    SandboxStep,
    Step,
    find_container,
)
from engine.kubelet.prober import Prober
from engine.kubelet.resizer import Resizer
from engine.kubelet.starter import Starter
from engine.kubelet.volumes.image import ImageVolumes

SANDBOX_RETRY_SECONDS = 5.0
RUN_ERROR = "RunContainerError"
START_ERROR_CODE = 128


@attrs.define(eq=False, kw_only=True)
class Pleg:
    """Applies runtime events to the states of this node's pods.

    *sync* is called with the uid of a pod to look at again, and after how many seconds. Events
    of pods that nobody knows, and of runs that are not the present one, change nothing.
    """

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    pods: Mapping[str, Pod]
    states: dict[str, PodState]
    images: ImageManager
    image_volumes: ImageVolumes
    starter: Starter
    prober: Prober
    checks: CheckRunner
    sync: Callable[[str, float], None]
    runtime_changed: Callable[[str], None]
    storage_measured: Callable[[events.StorageMeasured], None]
    volume_resized: Callable[[events.VolumeResized], object]
    images_changed: Callable[[tuple[NodeImage, ...]], object]
    node_measured: Callable[[events.NodeMeasured], object]
    resizer: Resizer
    node_ip: str = ""
    _handlers: dict[type[Any], Callable[[Any], None]] = attrs.field(init=False)

    @property
    def _skew(self) -> float:
        """How far the node's clock is ahead."""
        return self.recorder.client.link.clock_offset

    def __attrs_post_init__(self) -> None:
        self._handlers = {
            events.SandboxReady: self._sandbox_ready,
            events.SandboxFailed: self._sandbox_failed,
            events.SandboxStopped: self._sandbox_stopped,
            events.SandboxRemoved: self._sandbox_removed,
            events.ImagePulled: self._image_pulled,
            events.ImagePullFailed: self._image_failed,
            events.PullProgress: self._pull_progress,
            events.ImagesChanged: self._images_changed,
            events.NodeMeasured: self._node_measured,
            events.VolumeResized: self._volume_resized,
            events.ContainerStarted: self._started,
            events.ContainerStartFailed: self._start_failed,
            events.ContainerExited: self._exited,
            events.ContainerRemoved: lambda _: None,
            events.CheckFinished: self.checks.finish,
            events.ResourcesUpdated: self._resources_updated,
            events.StorageMeasured: self._storage_measured,
            events.RuntimeDown: lambda event: self.runtime_changed(event.message or "down"),
            events.RuntimeUp: lambda _: self.runtime_changed(""),
        }

    def handle(self, event: RuntimeEvent) -> None:
        """Take one event."""
        self._handlers[type(event)](event)

    def _sandbox_ready(self, event: events.SandboxReady) -> None:
        state = self.states.get(event.pod.uid)
        if state is None:
            return
        state.sandbox = SandboxStep.READY
        state.sandbox_id = event.sandbox_id
        pod = self.pods.get(event.pod.uid)
        is_host = pod is not None and pod.spec.host_network
        state.ip = self.node_ip if is_host else event.ip
        self.sync(event.pod.uid, 0.0)

    def _sandbox_failed(self, event: events.SandboxFailed) -> None:
        state, pod = self.states.get(event.pod.uid), self.pods.get(event.pod.uid)
        if state is None:
            return
        state.sandbox = SandboxStep.ABSENT
        state.sandbox_retry_at = self.loop.now + SANDBOX_RETRY_SECONDS
        if pod is not None:
            message = f"Failed to create pod sandbox: {event.message}"
            self.recorder.warning(pod, "FailedCreatePodSandBox", message)
        self.sync(event.pod.uid, 0.0)

    def _sandbox_stopped(self, event: events.SandboxStopped) -> None:
        for uid, state in self.states.items():
            if state.sandbox_id == event.sandbox_id and state.sandbox is SandboxStep.STOPPING:
                state.sandbox = SandboxStep.STOPPED
                self.sync(uid, 0.0)
                return

    def _sandbox_removed(self, event: events.SandboxRemoved) -> None:
        for uid, state in self.states.items():
            if state.sandbox_id == event.sandbox_id:
                self._tell_lost(uid, state)
                state.sandbox = SandboxStep.ABSENT
                state.sandbox_id = state.ip = ""
                self.sync(uid, 0.0)
                return

    def _tell_lost(self, uid: str, state: PodState) -> None:
        pod = self.pods.get(uid)
        if pod is not None and state.sandbox is SandboxStep.READY and not must_end(pod, state):
            message = "Pod sandbox changed, it will be killed and re-created."
            self.recorder.normal(pod, "SandboxChanged", message)

    def _pulling(self, event: events.ImagePulled | events.ImagePullFailed) -> Any:
        """The pod, its state and the container this answer is for, or None."""
        state, pod = self.states.get(event.pod.uid), self.pods.get(event.pod.uid)
        if state is None or pod is None:
            return None
        for work in state.containers.values():
            container = find_container(pod, work.name)
            if work.step is Step.PULLING and container and container.image == event.image:
                return pod, state, work
        return None

    def _image_pulled(self, event: events.ImagePulled) -> None:
        if self.image_volumes.answered(event):
            self.sync(event.pod.uid, 0.0)
            return
        found = self._pulling(event)
        if found is None:
            return
        pod, state, work = found
        self.images.succeeded(pod, work, event)
        if not must_end(pod, state):
            self.starter.start(pod, state, work)
        if work.step is Step.NONE:
            self.sync(event.pod.uid, 0.0)

    def _pull_progress(self, event: events.PullProgress) -> None:
        state, pod = self.states.get(event.pod.uid), self.pods.get(event.pod.uid)
        if state is not None and pod is not None:
            self.images.progressed(pod, state, event)
            self.sync(event.pod.uid, 0.0)

    def _storage_measured(self, event: events.StorageMeasured) -> None:
        self.storage_measured(event)

    def _volume_resized(self, event: events.VolumeResized) -> None:
        self.volume_resized(event)

    def _images_changed(self, event: events.ImagesChanged) -> None:
        self.images_changed(event.images)

    def _node_measured(self, event: events.NodeMeasured) -> None:
        self.node_measured(event)

    def _image_failed(self, event: events.ImagePullFailed) -> None:
        if self.image_volumes.answered(event):
            self.sync(event.pod.uid, 0.0)
            return
        found = self._pulling(event)
        if found is None:
            return
        pod, _, work = found
        again = self.images.failed(pod, work, event)
        self.sync(event.pod.uid, 0.0)
        self.sync(event.pod.uid, again - self.loop.now)

    def _started(self, event: events.ContainerStarted) -> None:
        state, pod = self.states.get(event.pod.uid), self.pods.get(event.pod.uid)
        if state is None:
            return
        work = state.work(event.name)
        if work.current is not None and work.current.attempt >= event.attempt:
            return
        if work.previous is not None and work.current is not None and work.previous.container_id:
            self.runtime.submit(RemoveContainer(container_id=work.previous.container_id))
        work.previous = work.current or work.previous
        work.current = ContainerRecord(
            attempt=event.attempt,
            container_id=event.container_id,
            image=work.wanted_image,
            image_id=event.image_id,
            started_at=event.time,
            started_skew=self._skew,
            user=event.user,
            stop_signal=event.stop_signal,
        )
        work.step = Step.NONE
        work.waiting_reason = work.waiting_message = ""
        work.has_started = work.is_ready = False
        if pod is not None:
            self.resizer.done(pod, state, work)
            self.starter.started(pod, state, work)
        self.sync(event.pod.uid, 0.0)

    def _start_failed(self, event: events.ContainerStartFailed) -> None:
        state, pod = self.states.get(event.pod.uid), self.pods.get(event.pod.uid)
        if state is None:
            return
        work = state.work(event.name)
        work.step = Step.NONE
        if state.sandbox is not SandboxStep.READY:  # it went meanwhile: there will be another
            self.sync(event.pod.uid, 0.0)
            return
        is_made = event.reason == RUN_ERROR
        if pod is not None:
            self.starter.refuse(pod, work, event.reason, event.message, is_made=is_made)
        if is_made:
            self._count_as_run(work, event)
        self.sync(event.pod.uid, 0.0)

    def _count_as_run(self, work: ContainerWork, event: events.ContainerStartFailed) -> None:
        """A container that was made and could not be run has ended: with 128, by StartError."""
        if work.previous is not None and work.current is not None and work.previous.container_id:
            self.runtime.submit(RemoveContainer(container_id=work.previous.container_id))
        work.previous = work.current or work.previous
        work.current = ContainerRecord(
            attempt=event.attempt,
            container_id="",
            image=work.wanted_image,
            image_id=work.image_id,
            started_at=0.0,
            is_running=False,
            finished_at=self.loop.now,
            finished_skew=self._skew,
            exit_code=START_ERROR_CODE,
            reason="StartError",
            message=event.message,
        )
        work.is_backing_off = False
        work.retry_at = 0.0

    def _resources_updated(self, event: events.ResourcesUpdated) -> None:
        state, pod = self.states.get(event.pod.uid), self.pods.get(event.pod.uid)
        if state is not None and pod is not None:
            self.resizer.updated(pod, state, event)
            self.sync(event.pod.uid, 0.0)

    def _exited(self, event: events.ContainerExited) -> None:
        state = self.states.get(event.pod.uid)
        if state is None:
            return
        work = state.work(event.name)
        record = work.current
        if record is None or record.attempt != event.attempt or not record.is_running:
            return
        self._end(work, record, event)
        self.sync(event.pod.uid, 0.0)

    def _end(
        self, work: ContainerWork, record: ContainerRecord, event: events.ContainerExited
    ) -> None:
        self.prober.stop(record.container_id)
        work.current = attrs.evolve(
            record,
            is_running=False,
            finished_at=event.time,
            finished_skew=self._skew,
            exit_code=event.exit_code,
            signal=event.signal,
            oom_killed=event.oom_killed,
            message=event.message,
        )
        work.step = Step.NONE
        work.has_started = work.is_ready = work.is_hooked = False
        work.is_backing_off = False
        work.retry_at = 0.0
