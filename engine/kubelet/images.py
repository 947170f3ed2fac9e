"""Images for containers: pull policies, what is told about a pull, and the wait after a failure.

Source: kubelet images/image_manager.go, kubernetes v1.34.
"""

import attrs

from engine.api.container import Container
from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.cri.commands import PodIdentity, PullImage
from engine.cri.events import ImagePulled, ImagePullFailed
from engine.cri.runtime import Runtime
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop, Timer
from engine.kubelet.pod_state import ContainerWork, Step

QUIET_SECONDS = 0.25
RELIST_SECONDS = 1.0


def pull_policy(container: Container) -> str:
    """Always, IfNotPresent or Never; what it is without a word depends on the tag."""
    if container.image_pull_policy:
        return container.image_pull_policy
    name = container.image.rpartition("/")[2]
    tag = name.partition("@")[0].partition(":")[2]
    return "Always" if "@" not in name and tag in {"", "latest"} else "IfNotPresent"


def field_path(pod: Pod, name: str) -> str:
    """Where in the pod's specification that container stands, as Events point to it."""
    spec = pod.spec
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    ):
        if any(container.name == name for container in containers):
            return f"spec.{field}{{{name}}}"
    return f"spec.containers{{{name}}}"


@attrs.define(eq=False)
class ImageManager:
    """Has images pulled before their containers start, and waits longer after each failure."""

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    backoff: Backoff[str] = attrs.field(factory=lambda: Backoff(base=10.0, cap=300.0))
    _announcements: dict[tuple[str, str], Timer] = attrs.field(factory=dict, init=False)

    def ensure(
        self, pod: Pod, container: Container, work: ContainerWork, identity: PodIdentity
    ) -> None:
        """Ask for the container's image."""
        policy = pull_policy(container)
        work.step = Step.PULLING
        # Whether the image has to be fetched only the runtime knows: a quick answer means no.
        delay = 0.0 if policy == "Always" else QUIET_SECONDS
        if policy == "Always":
            self._announce(pod, container.name, container.image)
        elif policy != "Never":
            key = (identity.uid, container.name)
            self._announcements[key] = self.loop.call_later(
                delay, self._announce, pod, container.name, container.image
            )
        self.runtime.submit(
            PullImage(
                pod=identity,
                image=container.image,
                only_if_absent=policy != "Always",
                never_pull=policy == "Never",
            )
        )

    def succeeded(self, pod: Pod, work: ContainerWork, event: ImagePulled) -> None:
        """The image is there: say so and forget earlier failures."""
        was_announced = self._silence(pod, work.name)
        work.step = Step.NONE
        work.image_user = event.user
        work.waiting_reason = work.waiting_message = ""
        self.backoff.forget(_key(pod, event.image))
        if event.was_present:
            message = f'Container image "{event.image}" already present on machine'
        else:
            if not was_announced and event.seconds:
                self._announce(pod, work.name, event.image)
            took = f"{event.seconds:.3f}s"
            message = (
                f'Successfully pulled image "{event.image}" in {took}'
                f" ({took} including waiting). Image size: {event.size} bytes."
            )
        self.recorder.normal(pod, "Pulled", message, field_path=field_path(pod, work.name))

    def failed(self, pod: Pod, work: ContainerWork, event: ImagePullFailed) -> float:
        """The image is not to be had; the time at which to look again, to say we are waiting."""
        if not self._silence(pod, work.name) and event.reason == "ErrImagePull":
            self._announce(pod, work.name, event.image)
        work.step = Step.NONE
        work.waiting_reason, work.waiting_message = event.reason, event.message
        path = field_path(pod, work.name)
        if event.reason == "ErrImagePull":
            said = f'Failed to pull image "{event.image}": {event.message}'
        else:
            said = event.message
        reason = "ErrImageNeverPull" if event.reason == "ErrImageNeverPull" else "Failed"
        if event.reason == "InvalidImageName":
            reason = "InspectFailed"
        self.recorder.warning(pod, reason, said, field_path=path)
        self.recorder.warning(pod, "Failed", f"Error: {event.reason}", field_path=path)
        work.retry_at = self.loop.now + self.backoff.next_delay(_key(pod, event.image))
        return self.loop.now + RELIST_SECONDS

    def back_off(self, pod: Pod, work: ContainerWork, image: str) -> None:
        """Say that we wait before we try again."""
        if work.waiting_reason != "ErrImagePull" or self.loop.now >= work.retry_at:
            return
        path = field_path(pod, work.name)
        message = f'Back-off pulling image "{image}"'
        self.recorder.normal(pod, "BackOff", message, field_path=path)
        self.recorder.warning(pod, "Failed", "Error: ImagePullBackOff", field_path=path)
        earlier = work.waiting_message
        work.waiting_reason = "ImagePullBackOff"
        work.waiting_message = f"{message}: ErrImagePull: {earlier}"

    def forget(self, pod: Pod) -> None:
        """That pod needs no images any more."""
        for container in (*pod.spec.init_containers, *pod.spec.containers):
            self._silence(pod, container.name)
            self.backoff.forget(_key(pod, container.image))

    def stop(self) -> None:
        """Announce nothing any more."""
        for timer in self._announcements.values():
            timer.cancel()
        self._announcements.clear()

    def _announce(self, pod: Pod, name: str, image: str) -> None:
        path = field_path(pod, name)
        self.recorder.normal(pod, "Pulling", f'Pulling image "{image}"', field_path=path)

    def _silence(self, pod: Pod, name: str) -> bool:
        """Whether the pull was announced; if not, it will not be."""
        timer = self._announcements.pop((pod.metadata.uid, name), None)
        if timer is None:
            return True
        was_announced = not timer.is_pending
        timer.cancel()
        return was_announced


def _key(pod: Pod, image: str) -> str:
    return f"{pod.metadata.uid}/{image}"
