"""Images for containers: pull policies, what is told about a pull, and the wait after a failure.

Source: kubelet images/image_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable

import attrs

from engine.api.container import Container
from engine.api.core import Secret
from engine.api.frozen import FrozenDict
from engine.api.pod import Pod
from engine.client.recorder import EventRecorder
from engine.cri.commands import PodIdentity, PullImage
from engine.cri.events import ImagePulled, ImagePullFailed, PullProgress
from engine.cri.runtime import Runtime
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.pod_state import ContainerWork, PodState, Step, find_container
from engine.kubelet.pull_secrets import logins_for

RELIST_SECONDS = 3.0


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


def format_duration(seconds: float) -> str:
    """*seconds* in whole milliseconds as Go writes them: 812ms, 1.5s, 2m3.25s."""
    millis = int(seconds * 1000 + 1e-6)
    if millis < 1000:
        return f"{millis}ms" if millis else "0s"
    minutes, rest = divmod(millis, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + text


@attrs.define(eq=False)
class ImageManager:
    """Has images pulled before their containers start, and waits longer after each failure.

    *secret* finds a secret by namespace and name. At most *at_once* pulls run at a time (0: any).
    """

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    secret: Callable[[str, str], Secret]
    at_once: int = 1
    backoff: Backoff[str] = attrs.field(factory=lambda: Backoff(base=10.0, cap=300.0))
    _announced: set[tuple[str, str]] = attrs.field(factory=set, init=False)

    def ensure(
        self, pod: Pod, container: Container, work: ContainerWork, identity: PodIdentity
    ) -> None:
        """Ask for the container's image."""
        policy = pull_policy(container)
        work.step = Step.PULLING
        self.runtime.submit(
            PullImage(
                pod=identity,
                image=container.image,
                only_if_absent=policy != "Always",
                never_pull=policy == "Never",
                auths=self._logins(pod, container.image) if policy != "Never" else (),
                at_once=self.at_once,
            )
        )

    def progressed(self, pod: Pod, state: PodState, event: PullProgress) -> None:
        """An image is asked for, or part of it has come: what those say that wait for it."""
        for work in state.containers.values():
            container = find_container(pod, work.name)
            if work.step is not Step.PULLING or container is None:
                continue
            if container.image != event.image:
                continue
            self._announce(pod, work.name, event.image)
            if event.total and not work.waiting_reason:
                done, total = event.done / 1e6, event.total / 1e6
                work.waiting_message = (
                    f'Pulling image "{event.image}": {done:.1f} MB of {total:.1f} MB'
                )

    def succeeded(self, pod: Pod, work: ContainerWork, event: ImagePulled) -> None:
        """The image is there: say so and forget earlier failures."""
        work.step = Step.NONE
        work.image_user, work.image_id = event.user, event.image_id
        work.waiting_reason = work.waiting_message = ""
        self.backoff.forget(_key(pod, event.image))
        if event.was_present:
            message = f'Container image "{event.image}" already present on machine'
        else:
            took = format_duration(event.seconds)
            with_waiting = format_duration(event.seconds + event.waited)
            message = (
                f'Successfully pulled image "{event.image}" in {took}'
                f" ({with_waiting} including waiting). Image size: {event.size} bytes."
            )
        self._announced.discard((pod.metadata.uid, work.name))
        self.recorder.normal(pod, "Pulled", message, field_path=field_path(pod, work.name))

    def failed(self, pod: Pod, work: ContainerWork, event: ImagePullFailed) -> float:
        """The image is not to be had; the time at which to look again, to say we are waiting."""
        self._announced.discard((pod.metadata.uid, work.name))
        work.step = Step.NONE
        work.waiting_reason, work.waiting_message = event.reason, event.message
        path = field_path(pod, work.name)
        if event.reason == "ErrImagePull":
            said = f'Failed to pull image "{event.image}": {event.message}'
        else:
            said = event.message
        reasons = {"ErrImageNeverPull": "ErrImageNeverPull", "InvalidImageName": "InspectFailed"}
        reason = reasons.get(event.reason, "Failed")
        self.recorder.warning(pod, reason, said, field_path=path)
        self.recorder.warning(pod, "Failed", f"Error: {event.reason}", field_path=path)
        work.failed_at = self.loop.now
        work.retry_at = self.loop.now + self.backoff.next_delay(_key(pod, event.image))
        return self.loop.now + RELIST_SECONDS

    def back_off(self, pod: Pod, work: ContainerWork, image: str) -> None:
        """Say that we wait before we try again."""
        since = work.failed_at + RELIST_SECONDS
        if work.waiting_reason != "ErrImagePull" or not since <= self.loop.now < work.retry_at:
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
            self._announced.discard((pod.metadata.uid, container.name))
            self.backoff.forget(_key(pod, container.image))

    def _logins(self, pod: Pod, image: str) -> tuple[FrozenDict[str, str], ...]:
        """What the pod's pull secrets have for that registry; one that is missing is told."""
        found, missing = [], []
        for reference in pod.spec.image_pull_secrets:
            try:
                found.append(self.secret(pod.metadata.namespace, reference.name))
            except MissingConfigError:
                missing.append(reference.name)
        if missing:
            message = (
                f"Unable to retrieve some image pull secrets ({', '.join(missing)});"
                " attempting to pull the image may not succeed."
            )
            self.recorder.warning(pod, "FailedToRetrieveImagePullSecret", message)
        return logins_for(image, found)

    def _announce(self, pod: Pod, name: str, image: str) -> None:
        """Say once that the image is being pulled."""
        key = (pod.metadata.uid, name)
        if key not in self._announced:
            self._announced.add(key)
            path = field_path(pod, name)
            self.recorder.normal(pod, "Pulling", f'Pulling image "{image}"', field_path=path)


def _key(pod: Pod, image: str) -> str:
    return f"{pod.metadata.uid}/{image}"
