"""Containers: what they are made of, how they are probed, and how they are doing."""

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.wire import IntOrString, Json, Time, wire


@attrs.frozen(kw_only=True)
class ContainerPort:
    """A port the container listens on."""

    container_port: int
    name: str = ""
    host_port: int = 0
    host_ip: str = wire("hostIP", default="")
    protocol: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class KeySelector:
    """One key of a ConfigMap or Secret."""

    name: str = ""
    key: str = ""
    optional: bool | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class FieldSelector:
    """A field of the pod, by path (downward API)."""

    field_path: str = ""
    api_version: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ResourceFieldSelector:
    """A resource limit or request of a container (downward API)."""

    resource: str = ""
    container_name: str = ""
    divisor: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EnvVarSource:
    """Where the value of a variable comes from; one of them is set."""

    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None
    field_ref: FieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EnvVar:
    """One environment variable."""

    name: str
    value: str = ""
    value_from: EnvVarSource | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EnvFromSource:
    """All keys of a ConfigMap or Secret as variables."""

    prefix: str = ""
    config_map_ref: KeySelector | None = None
    secret_ref: KeySelector | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ResourceRequirements:
    """Requests (what the scheduler reserves) and limits (what the runtime enforces)."""

    requests: FrozenDict[str, str] = EMPTY
    limits: FrozenDict[str, str] = EMPTY
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class VolumeMount:
    """A pod volume inside the container."""

    name: str
    mount_path: str
    sub_path: str = ""
    read_only: bool = False
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HTTPHeader:
    """One header of a probe's request."""

    name: str
    value: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HTTPGetAction:
    """GET a path; a status from 200 to 399 is success."""

    port: IntOrString
    path: str = ""
    host: str = ""
    scheme: str = ""
    http_headers: tuple[HTTPHeader, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class TCPSocketAction:
    """Open a connection; an open port is success."""

    port: IntOrString
    host: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ExecAction:
    """Run a command in the container; exit code 0 is success."""

    command: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Probe:
    """How and how often a container is asked whether it is well. Times in seconds."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = wire(always=True, default=1)
    period_seconds: int = wire(always=True, default=10)
    success_threshold: int = wire(always=True, default=1)
    failure_threshold: int = wire(always=True, default=3)
    termination_grace_period_seconds: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class SleepAction:
    """Wait so many seconds."""

    seconds: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class LifecycleHandler:
    """What a lifecycle hook does; one of them is set."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Lifecycle:
    """Hooks after the start and before the end of a container."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Capabilities:
    """Linux capabilities added and dropped."""

    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class SecurityContext:
    """What a container may do."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    privileged: bool | None = None
    read_only_root_filesystem: bool | None = None
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Sysctl:
    """One kernel parameter of the pod's namespaces."""

    name: str
    value: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodSecurityContext:
    """What all containers of a pod may do unless they say otherwise."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    fs_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    sysctls: tuple[Sysctl, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Container:
    """One container of a pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    resources: ResourceRequirements = wire(always=True, default=ResourceRequirements())
    volume_mounts: tuple[VolumeMount, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: str | None = None
    termination_message_path: str = ""
    termination_message_policy: str = ""
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    tty: bool = False
    target_container_name: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ContainerStateWaiting:
    """Not running yet, or not again yet, and why."""

    reason: str = ""
    message: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ContainerStateRunning:
    """Running since then."""

    started_at: Time | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ContainerStateTerminated:
    """Ended, how and when."""

    exit_code: int = wire(always=True, default=0)
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None
    container_id: str = wire("containerID", default="")
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ContainerState:
    """Waiting, running or terminated; one of them is set."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ContainerStatus:
    """One container as the kubelet last reported it."""

    name: str
    state: ContainerState = wire(always=True, default=ContainerState())
    last_state: ContainerState = wire(always=True, default=ContainerState())
    ready: bool = wire(always=True, default=False)
    restart_count: int = wire(always=True, default=0)
    image: str = wire(always=True, default="")
    image_id: str = wire("imageID", always=True, default="")
    container_id: str = wire("containerID", default="")
    started: bool | None = None
    allocated_resources: FrozenDict[str, str] = EMPTY
    resources: ResourceRequirements | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Toleration:
    """A taint the pod puts up with."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HostAlias:
    """An extra line of /etc/hosts."""

    ip: str = ""
    hostnames: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodDNSConfigOption:
    """One resolver option."""

    name: str = ""
    value: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PodDNSConfig:
    """Resolver settings added to, or instead of, the policy's."""

    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY
