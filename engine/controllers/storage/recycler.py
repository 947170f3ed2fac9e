"""Wipes released volumes with the reclaim policy Recycle, by a pod for each.

Source: pkg/volume/util/recyclerclient, pkg/volume/plugins.go and recycleVolumeOperation
(pv_controller.go), kubernetes v1.34.
"""

import contextlib
from enum import StrEnum

import attrs

from engine.api.container import Container, VolumeMount
from engine.api.events import Event
from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import ObjectMeta
from engine.api.persistent import PersistentVolume
from engine.api.pod import Pod, PodSpec
from engine.api.quantity import parse_int
from engine.api.volume import Volume
from engine.api.wire import Json
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.client.client import Client
from engine.client.lister import Lister
from engine.client.recorder import EventRecorder
from engine.controllers.pod_state import is_terminal

NAMESPACE = "default"
PREFIX = "recycler-for-"
IMAGE = "localhost/kubarium/demo:v1"  # the one that every node has: it need not be fetched
SCRIPT = (
    "test -e /scrub && rm -rf /scrub/..?* /scrub/.[!.]* /scrub/*"
    ' && test -z "$(ls -A /scrub)" || exit 1'
)
LEAST_SECONDS = {"host_path": 60, "nfs": 300}
SECONDS_PER_GIB = 30
GIB = 2**30


class Scrub(StrEnum):
    """How far the wiping of a volume is."""

    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"
    IMPOSSIBLE = "impossible"


@attrs.define(eq=False)
class Recycler:
    """Makes the pods that wipe volumes, and says what became of them."""

    client: Client
    recorder: EventRecorder
    pods: Lister[Pod]

    def scrub(self, volume: PersistentVolume) -> tuple[Scrub, str]:
        """Have *volume* wiped, a step further with each call; with why it failed.

        It is only done, or failed, once: the pod is removed then.
        """
        wanted = scrubber(volume)
        if wanted is None:
            return Scrub.IMPOSSIBLE, "No recycler plugin found for the volume!"
        pod = self.pods.get(wanted.metadata.name, namespace=NAMESPACE)
        if pod is None:
            with contextlib.suppress(AlreadyExistsError):  # the cache will know soon
                self.client.create(wanted)
            return Scrub.UNDER_WAY, ""
        if pod.metadata.deletion_timestamp is not None:
            return Scrub.UNDER_WAY, ""  # of an earlier time; what it did does not count
        if not is_terminal(pod):
            return Scrub.UNDER_WAY, ""
        self._tell(volume, pod)
        try:
            self.client.delete(Pod, pod.metadata.name, namespace=NAMESPACE)
        except NotFoundError:
            return Scrub.UNDER_WAY, ""
        if pod.status.phase == "Succeeded":
            return Scrub.DONE, ""
        why = pod.status.message or "pod failed, pod.Status.Message unknown"
        return Scrub.FAILED, f"Recycle failed: {why}"

    def _tell(self, volume: PersistentVolume, pod: Pod) -> None:
        """What there was to say about the pod is said about the volume, which stays."""
        for event in self.client.list(Event, namespace=NAMESPACE).items:
            if event.involved_object.uid == pod.metadata.uid:
                told = self.recorder.warning if event.type == "Warning" else self.recorder.normal
                told(volume, "RecyclerPod", f"Recycler pod: {event.message}")


def volume_of(pod: str) -> str:
    """The volume that a pod of this key wipes; empty for every other pod."""
    namespace, _, name = pod.partition("/")
    return name.removeprefix(PREFIX) if namespace == NAMESPACE and name.startswith(PREFIX) else ""


def scrubber(volume: PersistentVolume) -> Pod | None:
    """The pod that wipes *volume*; None for kinds of storage that cannot be."""
    spec = volume.spec
    kind = "host_path" if spec.host_path is not None else "nfs" if spec.nfs is not None else ""
    if not kind:
        return None
    nfs: FrozenDict[str, Json] = freeze({})
    if spec.nfs is not None:
        nfs = freeze({"nfs": {"server": spec.nfs.server, "path": spec.nfs.path}})
    gibibytes = parse_int(spec.capacity.get("storage") or "0") // GIB
    seconds = max(LEAST_SECONDS[kind], gibibytes * SECONDS_PER_GIB)
    mount = VolumeMount(name="vol", mount_path="/scrub")
    container = Container(
        name="pv-recycler",
        image=IMAGE,
        command=("/bin/sh",),
        args=("-c", SCRIPT),
        volume_mounts=(mount,),
    )
    return Pod(
        metadata=ObjectMeta(name=f"{PREFIX}{volume.metadata.name}", namespace=NAMESPACE),
        spec=PodSpec(
            active_deadline_seconds=seconds,
            restart_policy="Never",
            volumes=(Volume(name="vol", host_path=spec.host_path, extra=nfs),),
            containers=(container,),
        ),
    )
