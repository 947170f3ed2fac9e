"""What a container runtime reports. Events arrive through the journal, one at a time."""

import attrs

from engine.cri.commands import PodIdentity
from engine.cri.status import ContainerUsage, NodeImage, ProcessUser


@attrs.frozen(kw_only=True)
class SandboxReady:
    """The pod's namespaces exist and its network is up at *ip* (empty on the host network)."""

    pod: PodIdentity
    sandbox_id: str
    ip: str
    attempt: int = 0


@attrs.frozen(kw_only=True)
class SandboxFailed:
    """The sandbox could not be made; nothing of it is left."""

    pod: PodIdentity
    message: str


@attrs.frozen(kw_only=True)
class SandboxStopped:
    """Of the sandbox only the containers that have exited are left."""

    pod: PodIdentity
    sandbox_id: str


@attrs.frozen(kw_only=True)
class SandboxRemoved:
    """The sandbox and every container in it are gone."""

    pod: PodIdentity
    sandbox_id: str


@attrs.frozen(kw_only=True)
class ImagePulled:
    """The image is here. *seconds* is 0 and *was_present* true when nothing had to be fetched.

    *waited* is how long it waited for its turn before that. *user* is whom the image runs as: a
    number, a name, or empty for root.
    """

    pod: PodIdentity
    image: str
    image_id: str
    size: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    was_present: bool = False
    user: str = ""


@attrs.frozen(kw_only=True)
class PullProgress:
    """So much of an image has come: *done* of *total* bytes. Every few seconds at most.

    The first one, with a *total* of 0, says that the image is not here or may be old: it is asked
    for now.
    """

    pod: PodIdentity
    image: str
    done: int
    total: int


@attrs.frozen(kw_only=True)
class ImagesChanged:
    """These are the images of the node now."""

    images: tuple[NodeImage, ...]


@attrs.frozen(kw_only=True)
class ImagePullFailed:
    """The image is not to be had: ErrImagePull, InvalidImageName or ErrImageNeverPull."""

    pod: PodIdentity
    image: str
    reason: str
    message: str


@attrs.frozen(kw_only=True)
class ContainerStarted:
    """The container's process runs since *time*.

    As *user*, if the runtime tells; *stop_signal* asks it to end.
    """

    pod: PodIdentity
    name: str
    attempt: int
    container_id: str
    image_id: str
    time: float
    user: ProcessUser | None = None
    stop_signal: str = ""


@attrs.frozen(kw_only=True)
class ContainerStartFailed:
    """The container could not be made or started. *reason* as kubelet names it.

    FailedMount (a volume cannot be had), CreateContainerConfigError, CreateContainerError or
    RunContainerError.
    """

    pod: PodIdentity
    name: str
    attempt: int
    reason: str
    message: str


@attrs.frozen(kw_only=True)
class ContainerExited:
    """The container's process ended. *signal* is 0 unless one ended it."""

    pod: PodIdentity
    name: str
    attempt: int
    container_id: str
    exit_code: int
    time: float
    signal: int = 0
    oom_killed: bool = False
    message: str = ""


@attrs.frozen(kw_only=True)
class ContainerRemoved:
    """The container and its log are gone."""

    pod: PodIdentity
    container_id: str


@attrs.frozen(kw_only=True)
class CheckFinished:
    """One probe or hook ran. *message* is its output or why it failed.

    With *warns* it succeeded, and *message* says what is odd about that; with *is_unknown* it could
    not be made, and *message* says why.
    """

    token: str
    container_id: str
    success: bool
    message: str = ""
    warns: bool = False
    is_unknown: bool = False


@attrs.frozen(kw_only=True)
class ResourcesUpdated:
    """The container has its new resources, or keeps its old ones if *error* says why."""

    pod: PodIdentity
    name: str
    container_id: str
    error: str = ""


@attrs.frozen(kw_only=True)
class StorageMeasured:
    """The bytes that a pod's files take of the disk: volumes by name, containers by id."""

    pod: PodIdentity
    volumes: tuple[tuple[str, int], ...] = ()
    containers: tuple[tuple[str, int], ...] = ()


@attrs.frozen(kw_only=True)
class VolumeResized:
    """The file system of a driver's volume has the volume's size, or *error* says why not."""

    pod: PodIdentity
    volume: str
    error: str = ""


@attrs.frozen(kw_only=True)
class UsageMeasured:
    """What the containers used, as measured at *time*: all that run."""

    usage: tuple[ContainerUsage, ...]
    time: float


@attrs.frozen(kw_only=True)
class DisturbanceFailed:
    """A disturbance could not begin, and nothing of it is left; no kubelet hears of it."""

    disturbance_id: str
    message: str


@attrs.frozen(kw_only=True)
class NodeMeasured:
    """What the node has left: bytes of memory and disk, inodes, process ids.

    A capacity of 0 means that it is not known. *pod_files* are the bytes of the files that pods
    have on the disk, by uid; only given when the disk is nearly full.
    """

    memory: int = 0
    memory_available: int = 0
    disk: int = 0
    disk_available: int = 0
    inodes: int = 0
    inodes_free: int = 0
    pids: int = 0
    pids_available: int = 0
    pod_files: tuple[tuple[str, int], ...] = ()


@attrs.frozen(kw_only=True)
class RuntimeDown:
    """The runtime does not answer; the kubelet reports its node NotReady."""

    message: str


@attrs.frozen(kw_only=True)
class RuntimeUp:
    """The runtime answers (again). What changed meanwhile follows as ordinary events."""

    version: str = ""


RuntimeEvent = (
    SandboxReady
    | SandboxFailed
    | SandboxStopped
    | SandboxRemoved
    | ImagePulled
    | ImagePullFailed
    | PullProgress
    | ImagesChanged
    | NodeMeasured
    | ContainerStarted
    | ContainerStartFailed
    | ContainerExited
    | ContainerRemoved
    | CheckFinished
    | ResourcesUpdated
    | StorageMeasured
    | VolumeResized
    | UsageMeasured
    | DisturbanceFailed
    | RuntimeDown
    | RuntimeUp
)
