"""What a kubelet knows of a pod beyond the API object: sandbox, containers, work under way."""

from enum import StrEnum

import attrs

from engine.api.container import Container, ResourceRequirements
from engine.api.pod import Pod
from engine.cri.commands import PodIdentity, Volume
from engine.cri.status import ProcessUser
from engine.kernel.loop import Timer


class Step(StrEnum):
    """What is being done with a container at the moment."""

    NONE = ""
    PULLING = "pulling"
    STARTING = "starting"
    STOPPING = "stopping"


class SandboxStep(StrEnum):
    """How far a sandbox is. Of a stopped one only containers that have exited are left."""

    ABSENT = "absent"
    CREATING = "creating"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    REMOVING = "removing"


@attrs.frozen(kw_only=True)
class ContainerRecord:
    """One run of a container, as the runtime reported it.

    *started_skew* and *finished_skew* are how far the node's clock was ahead then: people are
    told what it said. *user* and *stop_signal* are what the runtime says, if it does.
    """

    attempt: int
    container_id: str
    image: str
    image_id: str
    started_at: float
    is_running: bool = True
    finished_at: float = 0.0
    exit_code: int = 0
    signal: int = 0
    oom_killed: bool = False
    message: str = ""
    reason: str = ""
    started_skew: float = 0.0
    finished_skew: float = 0.0
    user: ProcessUser | None = None
    stop_signal: str = ""


@attrs.define(eq=False, kw_only=True)
class ContainerWork:
    """One container of a pod: its present and last run, and what is going on.

    Attributes:
        first_attempt: number of the first run here, above 0 if earlier runs were lost.
        waiting_reason: why it is not running, as its status says; empty for the usual reason.
        retry_at: no pull or start before this time.
        failed_at: when its image was last refused.
        crash_delay: seconds of the present crash back-off; 0 before the first restart.
        crash_updated: when `crash_delay` was last set.
        has_started: its start-up probe has passed and its post-start hook is done.
        is_hooked: its post-start hook is not done: until then nothing is told of this run.
        is_ready: its readiness probe passes, or it has none and has started.
        wanted_image: the image the specification named when it was last started.
        allocated: the resources it has been granted; None before its first start here.
        actual: the resources the runtime has given it.
        is_resizing: it is being given others.
        resize_error: why it was not given others.
        image_id: its image, as soon as that is here.
        image_user: as whom its image runs: a number, a name, or empty for root.
    """

    name: str
    current: ContainerRecord | None = None
    previous: ContainerRecord | None = None
    first_attempt: int = 0
    step: Step = Step.NONE
    waiting_reason: str = ""
    waiting_message: str = ""
    retry_at: float = 0.0
    failed_at: float = 0.0
    crash_delay: float = 0.0
    crash_updated: float = 0.0
    is_backing_off: bool = False
    has_started: bool = False
    is_hooked: bool = False
    is_ready: bool = False
    wanted_image: str = ""
    image_user: str = ""
    image_id: str = ""
    allocated: ResourceRequirements | None = None
    actual: ResourceRequirements | None = None
    is_resizing: bool = False
    resize_error: str = ""
    stop_deadline: float = 0.0

    @property
    def is_running(self) -> bool:
        """Whether its process runs, as far as we know."""
        return self.current is not None and self.current.is_running

    @property
    def next_attempt(self) -> int:
        """The number of the next run."""
        return self.current.attempt + 1 if self.current is not None else self.first_attempt


@attrs.define(eq=False, kw_only=True)
class PodState:
    """One pod on this node.

    Attributes:
        volumes: the content volumes as they were last given to the runtime, by name.
        is_initialized: all init containers are done (side-cars: have started).
        is_gone: the object is no longer in the API; only its containers are left.
        mounting_since: since when its volumes are waited for, or were last complained about.
        is_rejected: this node never took the pod.
        is_evicted: the node ended the pod to have room.
        grace_override: how long its containers get to end, whatever its specification says.
        resize_reason: why its new resources have to wait: Deferred or Infeasible.
        failed_reason: why the kubelet ended the pod for good (DeadlineExceeded, Evicted).
    """

    identity: PodIdentity
    sandbox: SandboxStep = SandboxStep.ABSENT
    sandbox_id: str = ""
    sandbox_attempt: int = 0
    sandbox_retry_at: float = 0.0
    ip: str = ""
    containers: dict[str, ContainerWork] = attrs.field(factory=dict)
    volumes: dict[str, Volume] = attrs.field(factory=dict)
    start_time: float = 0.0
    is_initialized: bool = False
    is_gone: bool = False
    is_final: bool = False
    failed_reason: str = ""
    failed_message: str = ""
    is_rejected: bool = False
    is_evicted: bool = False
    grace_override: float | None = None
    failed_mounts: str = ""
    mounting_since: float = 0.0
    resize_reason: str = ""
    resize_message: str = ""
    wake: Timer | None = None

    def work(self, name: str) -> ContainerWork:
        """The container of that name; made on first use."""
        found = self.containers.get(name)
        if found is None:
            found = self.containers[name] = ContainerWork(name=name)
        return found

    @property
    def is_stopped(self) -> bool:
        """Whether it has given back what it held, or is about to."""
        return self.sandbox in {SandboxStep.STOPPING, SandboxStep.STOPPED}

    @property
    def holds_volumes(self) -> bool:
        """Whether its volumes are or may be mounted."""
        return self.sandbox not in {SandboxStep.ABSENT, SandboxStep.STOPPED}

    @property
    def is_anything_running(self) -> bool:
        """Whether a container runs or is about to."""
        return any(
            work.is_running or work.step in {Step.STARTING, Step.PULLING}
            for work in self.containers.values()
        )


def is_sidecar(container: Container) -> bool:
    """Whether an init container goes on running beside the others (restartPolicy Always)."""
    return container.restart_policy == "Always"


def is_terminal(pod: Pod) -> bool:
    """Whether the pod has ended for good, as its status says."""
    return pod.status.phase in {"Succeeded", "Failed"}


def identity_of(pod: Pod) -> PodIdentity:
    """The pod's identity towards the runtime."""
    meta = pod.metadata
    return PodIdentity(namespace=meta.namespace, name=meta.name, uid=meta.uid)


def find_container(pod: Pod, name: str) -> Container | None:
    """The container, init container or ephemeral container of that name."""
    spec = pod.spec
    for container in (*spec.containers, *spec.init_containers, *spec.ephemeral_containers):
        if container.name == name:
            return container
    return None
