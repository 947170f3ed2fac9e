"""What exists in a runtime at one moment: for adoption after a restart, and for statistics."""

import attrs

from engine.cri.commands import PodIdentity


@attrs.frozen(kw_only=True)
class ProcessUser:
    """As whom a container's first process was started, in numbers; *groups* without its own."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class ObservedContainer:
    """One container as the runtime knows it. *state* is "running" or "exited".

    *user* is None if the runtime does not tell; *stop_signal* asks it to end.
    """

    name: str
    attempt: int
    container_id: str
    image: str
    image_id: str
    state: str
    started_at: float
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    message: str = ""
    user: ProcessUser | None = None
    stop_signal: str = ""


@attrs.frozen(kw_only=True)
class ObservedSandbox:
    """One pod's sandbox and the containers in it.

    One *is_stopped* holds nothing any more but what its containers have left.
    """

    pod: PodIdentity
    sandbox_id: str
    ip: str
    attempt: int = 0
    is_stopped: bool = False
    containers: tuple[ObservedContainer, ...] = ()


@attrs.frozen(kw_only=True)
class ContainerUsage:
    """Use of one container: millicores since the last look, working-set memory in bytes."""

    pod: PodIdentity
    name: str
    cpu: int
    memory: int


@attrs.frozen(kw_only=True)
class NodeImage:
    """An image on the node: its id, the names it goes by, its bytes. *is_pinned*: never removed."""

    id: str
    names: tuple[str, ...]
    size: int
    is_pinned: bool = False


@attrs.frozen(kw_only=True)
class RuntimeInfo:
    """What a node says of itself in `status.nodeInfo`, `status.capacity` and `status.features`.

    *has_apparmor*: profiles can be enforced. *has_user_namespaces*: pods may have users of their
    own. *huge_pages*: the bytes there are in pages of each size (``2Mi``). *unlimited* says which
    limits of containers are not enforced here, and why; empty if all are.
    """

    name: str
    version: str
    cpu: int
    memory: int
    ephemeral_storage: int
    pods: int = 110
    os_image: str = ""
    kernel_version: str = ""
    architecture: str = ""
    operating_system: str = "linux"
    has_apparmor: bool = True
    has_user_namespaces: bool = True
    huge_pages: tuple[tuple[str, int], ...] = ()
    unlimited: str = ""
