"""What a kubelet may ask of a container runtime. Plain values; nothing here does anything."""

import attrs

from engine.api.frozen import EMPTY, FrozenDict


@attrs.frozen(kw_only=True)
class PodIdentity:
    """Whose sandbox or container it is; runtimes put it into labels and names."""

    namespace: str
    name: str
    uid: str


@attrs.frozen(kw_only=True)
class PortMapping:
    """A container port published on the node (hostPort)."""

    container_port: int
    host_port: int
    protocol: str = "TCP"
    host_ip: str = ""


@attrs.frozen(kw_only=True)
class HostsEntry:
    """One line of /etc/hosts."""

    ip: str
    hostnames: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Resources:
    """Limits and weights; 0 means none. CPU in millicores, memory in bytes.

    *huge_pages*: the bytes it may have in pages of each size (``2Mi``); of others it may have none.
    """

    cpu_request: int = 0
    cpu_limit: int = 0
    memory_request: int = 0
    memory_limit: int = 0
    huge_pages: tuple[tuple[str, int], ...] = ()


@attrs.frozen(kw_only=True)
class CreateSandbox:
    """Make the namespaces and the network of a pod. Answer: SandboxReady or SandboxFailed.

    *domain* is the pod's domain behind its subdomain, empty without one. *resources* limit the pod
    as a whole. *runtime_handler* is a runtime class's, empty for the usual one. With
    *has_own_users* its users are not the host's.
    """

    pod: PodIdentity
    attempt: int = 0
    hostname: str
    domain: str = ""
    dns_servers: tuple[str, ...] = ()
    dns_searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    hosts: tuple[HostsEntry, ...] = ()
    ports: tuple[PortMapping, ...] = ()
    sysctls: FrozenDict[str, str] = EMPTY
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    resources: Resources | None = None
    runtime_handler: str = ""
    has_own_users: bool = False
    labels: FrozenDict[str, str] = EMPTY
    annotations: FrozenDict[str, str] = EMPTY


@attrs.frozen(kw_only=True)
class StopSandbox:
    """Give back what a pod that has ended holds: processes, network, cgroup, volumes.

    Its containers that have exited stay, with their logs. Answer: SandboxStopped.
    """

    sandbox_id: str


@attrs.frozen(kw_only=True)
class RemoveSandbox:
    """Kill what still runs in the sandbox; remove it and its network. Answer: SandboxRemoved."""

    sandbox_id: str


@attrs.frozen(kw_only=True)
class PullImage:
    """Make sure the image is there. Answer: ImagePulled or ImagePullFailed, and PullProgress.

    With *only_if_absent* an image that is present is not asked for again (IfNotPresent); with
    *never_pull* an absent image fails with reason ErrImageNeverPull. The logins *auths* (username
    and password, or identitytoken) are tried in turn. No more than *at_once* images are fetched
    on the node at a time (0: any number); others wait for their turn.
    """

    pod: PodIdentity
    image: str
    only_if_absent: bool = True
    never_pull: bool = False
    auths: tuple[FrozenDict[str, str], ...] = attrs.field(default=(), repr=False)
    at_once: int = 0


@attrs.frozen(kw_only=True)
class RemoveImage:
    """Delete an image that no container uses, by a name or id.

    Answer: ImagesChanged, if it went.
    """

    image: str


@attrs.frozen(kw_only=True)
class FileContent:
    """One file of a volume whose content the kubelet knows (ConfigMap, Secret, downward API).

    *user* owns it; None for root.
    """

    path: str
    data: bytes
    mode: int = 0o644
    user: int | None = None


@attrs.frozen(kw_only=True)
class Volume:
    """One volume of a pod as the runtime has to provide it.

    Exactly one source: *files* (content, swapped atomically on update; *is_secret* keeps it off
    the disk), *host_path*, *driver* (a volume of its own, which the runtime's driver of that name
    makes available as *attributes* say), or an empty directory (none of them; *medium* "Memory"
    for tmpfs; *size_limit* in bytes, 0 for none).
    *group* shall own and reach the files (fsGroup); with *group_if_needed* nothing is touched when
    the folder itself belongs to it already. With *is_device* it is a block device, no folder.
    """

    name: str
    files: tuple[FileContent, ...] | None = None
    is_secret: bool = False
    host_path: str = ""
    host_path_type: str = ""
    medium: str = ""
    size_limit: int = 0
    driver: str = ""
    attributes: FrozenDict[str, str] = EMPTY
    group: int | None = None
    group_if_needed: bool = False
    is_device: bool = False


@attrs.frozen(kw_only=True)
class UpdateVolume:
    """Replace the files of a content volume of a running pod, atomically. No answer.

    For a driver's volume: let its file system grow to the volume's size. Answer: VolumeResized.
    """

    pod: PodIdentity
    volume: Volume


@attrs.frozen(kw_only=True)
class Mount:
    """A volume of the pod at a place in the container.

    *propagation* is HostToContainer, Bidirectional or empty for none. With *is_recursive* what is
    mounted below is as read-only as the mount itself.
    """

    volume: str
    container_path: str
    sub_path: str = ""
    read_only: bool = False
    propagation: str = ""
    is_recursive: bool = False


@attrs.frozen(kw_only=True)
class Device:
    """A volume of the pod that is a block device, as a device of the container."""

    volume: str
    container_path: str


@attrs.frozen(kw_only=True)
class Security:
    """The parts of a security context a runtime enforces; None means the image's own choice.

    *seccomp* is RuntimeDefault, Localhost (the profile *seccomp_file*), or empty for Unconfined.
    *is_strict_about_groups* leaves out the groups that the image says its user is in. *apparmor*
    is a profile, ``unconfined``, or empty for the runtime's own; *selinux* parts of a label.
    """

    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    privileged: bool = False
    read_only_root: bool = False
    allow_privilege_escalation: bool = True
    capabilities_add: tuple[str, ...] = ()
    capabilities_drop: tuple[str, ...] = ()
    seccomp: str = ""
    seccomp_file: str = ""
    unmasked_proc: bool = False
    is_strict_about_groups: bool = False
    apparmor: str = ""
    selinux: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class StartContainer:
    """Create and start a container. Answer: ContainerStarted or ContainerStartFailed.

    *attempt* counts the restarts of this container in this pod, from 0. *command* replaces the
    image's entrypoint and *args* its arguments, when not empty. With *message_from_log* one that
    fails and leaves no message is reported with the end of its log; *stop_signal* replaces the
    image's own. *join_process_of* is the id of a container whose processes it shall see.
    """

    pod: PodIdentity
    sandbox_id: str
    name: str
    attempt: int
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    volumes: tuple[Volume, ...] = ()
    resources: Resources = Resources()
    security: Security = Security()
    tty: bool = False
    stdin: bool = False
    termination_message_path: str = "/dev/termination-log"
    message_from_log: bool = False
    join_process_of: str = ""
    stop_signal: str = ""
    labels: FrozenDict[str, str] = EMPTY
    annotations: FrozenDict[str, str] = EMPTY


@attrs.frozen(kw_only=True)
class StopContainer:
    """Send the stop signal, after *grace* seconds SIGKILL. Answer: ContainerExited."""

    container_id: str
    grace: float


@attrs.frozen(kw_only=True)
class SignalContainer:
    """Send one signal, as a fault does. Answer: ContainerExited, if it ends."""

    container_id: str
    signal: str = "SIGKILL"


@attrs.frozen(kw_only=True)
class RemoveContainer:
    """Remove a container that has exited, with its log. Answer: ContainerRemoved."""

    container_id: str


@attrs.frozen(kw_only=True)
class UpdateResources:
    """Give a running container other limits and weights. Answer: ResourcesUpdated."""

    container_id: str
    resources: Resources


@attrs.frozen(kw_only=True)
class HttpCheck:
    """GET and expect a status from 200 to 399. *host* empty means the pod's address.

    With *any_status* every answer will do: hooks tell something, and ask nothing.
    """

    host: str
    port: int
    path: str = "/"
    scheme: str = "HTTP"
    headers: tuple[tuple[str, str], ...] = ()
    any_status: bool = False


@attrs.frozen(kw_only=True)
class TcpCheck:
    """Open a connection and close it again. *host* empty means the pod's address."""

    host: str
    port: int


@attrs.frozen(kw_only=True)
class ExecCheck:
    """Run a command in the container and expect exit code 0."""

    command: tuple[str, ...]


@attrs.frozen(kw_only=True)
class GrpcCheck:
    """Ask the gRPC health service about *service* and expect SERVING."""

    port: int
    service: str = ""


@attrs.frozen(kw_only=True)
class RunCheck:
    """Run one probe or hook against a container. Answer: CheckFinished with the same *token*.

    *kind* says which probe it is: liveness, readiness or startup; empty for a hook.
    """

    token: str
    container_id: str
    check: HttpCheck | TcpCheck | ExecCheck | GrpcCheck
    timeout: float = 1.0
    kind: str = ""


@attrs.frozen(kw_only=True)
class MeasureStorage:
    """Look how much of the disk empty directories and containers take. Answer: StorageMeasured.

    *volumes* are names, *containers* ids; of a pod that is gone nothing is answered.
    """

    pod: PodIdentity
    volumes: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()


Command = (
    CreateSandbox
    | StopSandbox
    | RemoveSandbox
    | PullImage
    | RemoveImage
    | UpdateVolume
    | StartContainer
    | StopContainer
    | SignalContainer
    | RemoveContainer
    | UpdateResources
    | RunCheck
    | MeasureStorage
)
