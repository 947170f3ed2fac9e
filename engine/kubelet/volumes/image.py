"""Volumes that are images: pulled as those of containers are, then mounted read-only.

Source: getImageVolumes (kuberuntime_manager.go) and image_manager.go, KEP-4639, kubernetes v1.34.
"""

from collections.abc import Callable, Mapping

import attrs

from engine.api.core import Secret
from engine.api.frozen import FrozenDict
from engine.api.pod import Pod
from engine.api.volume import Volume
from engine.client.recorder import EventRecorder
from engine.cri import commands
from engine.cri.commands import PodIdentity, PullImage
from engine.cri.events import ImagePulled, ImagePullFailed
from engine.cri.runtime import Runtime
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.pod_state import PodState
from engine.kubelet.pull_secrets import logins_for
from engine.kubelet.volumes.plugin import VolumeContext, VolumePendingError

DRIVER = "image"


@attrs.define(eq=False)
class _Pull:
    """One image for the volumes of one pod."""

    is_under_way: bool = False
    image_id: str = ""
    retry_at: float = 0.0


@attrs.define(eq=False, kw_only=True)
class ImageVolumes:
    """image: the plugin, and who has the images pulled.

    *secret* finds a secret by namespace and name. What keeps a volume from being mounted is told as
    for an image of a container: by Events, and by what the pod's containers wait for.
    """

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    secret: Callable[[str, str], Secret]
    pods: Mapping[str, Pod]
    states: Mapping[str, PodState]
    at_once: int = 1
    _pulls: dict[tuple[str, str], _Pull] = attrs.field(factory=dict, init=False)
    _backoff: Backoff[tuple[str, str]] = attrs.field(
        factory=lambda: Backoff(base=10.0, cap=300.0), init=False
    )

    def matches(self, volume: Volume) -> bool:
        """An image."""
        return "image" in volume.extra

    def set_up(self, pod: Pod, volume: Volume, context: VolumeContext) -> commands.Volume:
        """The image's root, once the image is here.

        Raises:
            VolumePendingError: it is not here yet.
        """
        del context
        source = volume.extra["image"]
        image = str(source.get("reference", ""))
        key = pod.metadata.uid, image
        pull = self._pulls.setdefault(key, _Pull())
        if not pull.image_id:
            if not pull.is_under_way and self.loop.now >= pull.retry_at:
                pull.is_under_way = True
                self._ask(pod, image, str(source.get("pullPolicy", "")) or _policy(image))
            raise VolumePendingError(f"image {image} is not here yet")
        attributes = {"handle": f"image:{image}", "image": pull.image_id, "readOnly": "true"}
        return commands.Volume(name=volume.name, driver=DRIVER, attributes=FrozenDict(attributes))

    def tear_down(self, pod: Pod, volume: Volume) -> None:
        """The runtime unmounts it with the sandbox."""
        key = pod.metadata.uid, str(volume.extra["image"].get("reference", ""))
        self._pulls.pop(key, None)
        self._backoff.forget(key)

    def answered(self, event: ImagePulled | ImagePullFailed) -> bool:
        """Take the answer to a pull, if it was for a volume."""
        key = event.pod.uid, event.image
        pull = self._pulls.get(key)
        pod, state = self.pods.get(event.pod.uid), self.states.get(event.pod.uid)
        if pull is None or not pull.is_under_way or pod is None or state is None:
            return False
        pull.is_under_way = False
        if isinstance(event, ImagePulled):
            pull.image_id = event.image_id
            self._wait_for(pod, state, "", "")
            present = f'Container image "{event.image}" already present on machine'
            pulled = f'Successfully pulled image "{event.image}"'
            self.recorder.normal(pod, "Pulled", present if event.was_present else pulled)
            return True
        pull.retry_at = self.loop.now + self._backoff.next_delay(key)
        said = f'Failed to pull image "{event.image}": {event.message}'
        self.recorder.warning(pod, "Failed", said)
        self.recorder.warning(pod, "Failed", f"Error: {event.reason}")
        self._wait_for(pod, state, event.reason, event.message)
        return True

    def _ask(self, pod: Pod, image: str, policy: str) -> None:
        meta = pod.metadata
        secrets = []
        for reference in pod.spec.image_pull_secrets:
            try:
                secrets.append(self.secret(meta.namespace, reference.name))
            except MissingConfigError:
                continue  # told when a container's image is pulled
        if policy == "Always":
            self.recorder.normal(pod, "Pulling", f'Pulling image "{image}"')
        self.runtime.submit(
            PullImage(
                pod=PodIdentity(namespace=meta.namespace, name=meta.name, uid=meta.uid),
                image=image,
                only_if_absent=policy != "Always",
                never_pull=policy == "Never",
                auths=logins_for(image, secrets) if policy != "Never" else (),
                at_once=self.at_once,
            )
        )

    def _wait_for(self, pod: Pod, state: PodState, reason: str, message: str) -> None:
        """Have the pod's containers say what they wait for; nothing if *reason* is empty."""
        for container in (*pod.spec.init_containers, *pod.spec.containers):
            work = state.work(container.name)
            if work.current is None:
                work.waiting_reason, work.waiting_message = reason, message


def _policy(image: str) -> str:
    """What holds unless the volume says otherwise."""
    name = image.rpartition("/")[2]
    is_latest = "@" not in image and (":" not in name or name.endswith(":latest"))
    return "Always" if is_latest else "IfNotPresent"
