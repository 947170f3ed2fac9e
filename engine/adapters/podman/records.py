"""What the adapter remembers of its sandboxes and containers, and the labels that carry it.

A restarted Kubarium reads the labels back, so that nothing else has to be kept.
"""

import asyncio
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.podman.processes import Exit
from engine.cri.commands import PodIdentity, PortMapping, Resources
from engine.cri.status import ObservedContainer, ObservedSandbox, ProcessUser

SHM = Path("/dev/shm")  # noqa: S108 - a tmpfs that is always there, also for secrets
PREFIX = "kubarium.dev/"
INSTANCE = PREFIX + "instance"
NODE = PREFIX + "node"
POD = PREFIX + "pod"
NAMESPACE = PREFIX + "namespace"
UID = PREFIX + "uid"
SANDBOX_ATTEMPT = PREFIX + "sandbox-attempt"
IP = PREFIX + "ip"
PORTS = PREFIX + "ports"
NAMESPACES = PREFIX + "namespaces"
BOOT = PREFIX + "boot"
USERS = PREFIX + "users"
CONTAINER = PREFIX + "container"
ATTEMPT = PREFIX + "attempt"
MESSAGE_FILE = PREFIX + "termination-message"
MESSAGE_FROM_LOG = PREFIX + "message-from-log"
STATE_VARIABLE = "KUBARIUM_STATE"
"""In the environment of pause processes: the folder of their instance's files."""


@attrs.frozen(kw_only=True)
class Owner:
    """Who makes things in Podman: which instance, for which node, in its how many-th boot.

    *state* is the instance's folder.
    """

    instance: str
    node: str
    state: Path
    boot: int = 0

    @functools.cached_property
    def folder(self) -> Path:
        """Where this boot of the node has its files."""
        return self.state / "nodes" / self.node / str(self.boot)

    @property
    def marker(self) -> bytes:
        """The variable in the environment of the instance's pause processes."""
        return marker(self.state)

    def labels(self, pod: PodIdentity) -> dict[str, str]:
        """The labels of everything made for *pod*."""
        return {
            INSTANCE: self.instance,
            NODE: self.node,
            BOOT: str(self.boot),
            POD: pod.name,
            NAMESPACE: pod.namespace,
            UID: pod.uid,
        }

    def name(self, pod: PodIdentity, *parts: str) -> str:
        """A name in Podman for something of *pod*; unique, and readable in `podman ps`."""
        boot = (f"boot{self.boot}",) if self.boot else ()
        prefix = f"kubarium-{self.instance.removeprefix('kubarium-')}"
        return ".".join((prefix, *boot, *parts, pod.name, pod.namespace, pod.uid[:8]))

    def pod_folder(self, pod: PodIdentity) -> Path:
        """Where the pod's files are: its volumes and logs."""
        return _path(f"{self.folder}/pods/{pod.uid}")

    @functools.cached_property
    def small_folder(self) -> Path:
        """Where this boot of the node has its small files, in memory.

        On a disk each of them costs as much as a request to Podman.
        """
        return memory_folder(self.state) / self.node / f".boot.{self.boot}"

    def small_pod_folder(self, pod: PodIdentity) -> Path:
        """Where the pod's small files are: hosts and the like, termination messages.

        What they tell is of no use any more when the machine has been started anew.
        """
        return _path(f"{self.small_folder}/{pod.uid}")


@functools.lru_cache(maxsize=1024)
def _path(text: str) -> Path:
    """The same object for the same folder: a start asks for each of the pod's five times."""
    return Path(text)


@attrs.define(eq=False, kw_only=True)
class Sandbox:
    """The namespaces of one pod, whose small files are in *folder*.

    *pause* is the process that holds them (0 if Podman's own does). *users* is the first of the
    host's ids that are its own, 0 if its users are the host's. One *is_stopped* has no processes
    and no address any more, only the containers that have exited.
    """

    id: str
    pod: PodIdentity
    attempt: int
    ip: str
    folder: Path
    pause: int = 0
    host_network: bool = False
    share_process_namespace: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    resources: Resources | None = None
    interface: str = ""
    users: int = 0
    hostname: str = ""
    is_stopped: bool = False
    ports: tuple[PortMapping, ...] = ()
    containers: dict[str, "Container"] = attrs.field(factory=dict)
    exit: Exit | None = None
    quiet: asyncio.Future[None] | None = None
    """For who waits until no container of it runs any more."""

    @property
    def pause_file(self) -> str:
        """The file with the number of the pause process; 0 of a stopped one."""
        return f"{self.folder}/pause.{self.attempt}"

    @property
    def is_quiet(self) -> bool:
        """Whether none of its containers runs."""
        return not any(container.is_running for container in self.containers.values())

    def unwatch(self) -> None:
        """Notice no more that its process is killed."""
        if self.exit is not None:
            self.exit.cancel()
            self.exit = None

    def observed(self) -> ObservedSandbox:
        """As the kubelet is told."""
        return ObservedSandbox(
            pod=self.pod,
            sandbox_id=self.id,
            ip=self.ip,
            attempt=self.attempt,
            is_stopped=self.is_stopped,
            containers=tuple(container.observed() for container in self.containers.values()),
        )


@attrs.define(eq=False, kw_only=True)
class Container:
    """One container. It is running from `started_at` until `finished_at` is set."""

    id: str
    sandbox: Sandbox
    name: str
    attempt: int
    image: str
    image_id: str = ""
    pid: int = 0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    message: str = ""
    message_file: Path | None = None
    message_from_log: bool = False
    log: Path | None = None
    control: Path | None = None
    cgroup: Mapping[str, Path] = attrs.field(factory=dict)
    exit: Exit | None = None
    is_exit_awaited: bool = False
    stop_signal: str = "SIGTERM"
    user: ProcessUser | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has started and no exit was reported."""
        return self.started_at > 0 and not self.finished_at

    def observed(self) -> ObservedContainer:
        """As the kubelet is told."""
        return ObservedContainer(
            name=self.name,
            attempt=self.attempt,
            container_id=self.id,
            image=self.image,
            image_id=self.image_id,
            state="running" if self.is_running else "exited",
            started_at=self.started_at,
            finished_at=self.finished_at,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            message=self.message,
            user=self.user,
            stop_signal=self.stop_signal,
        )


@functools.cache
def digest(state: Path) -> str:
    """A short name for *state*, for folders that cannot be in it."""
    return hashlib.sha256(str(state).encode()).hexdigest()[:12]


def memory_folder(state: Path, root: Path = SHM) -> Path:
    """Where the instance with its files in *state* has its volumes and small files in memory."""
    return root / f"kubarium-{digest(state)}"


def marker(state: Path) -> bytes:
    """What the pause processes of the instance with its files in *state* have in common."""
    return f"{STATE_VARIABLE}={state}".encode()


def pod_of(labels: Mapping[str, Any]) -> PodIdentity:
    """The pod that *labels* name."""
    return PodIdentity(
        namespace=labels.get(NAMESPACE, ""), name=labels.get(POD, ""), uid=labels.get(UID, "")
    )
