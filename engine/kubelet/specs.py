"""A pod's specification as commands for the runtime. Pure."""

import re
from collections.abc import Mapping

import attrs

from engine.api.container import Container, VolumeMount
from engine.api.frozen import FrozenDict
from engine.api.pod import Pod
from engine.api.quantity import parse_int, parse_millis
from engine.cri import commands
from engine.cri.commands import (
    CreateSandbox,
    HostsEntry,
    Mount,
    PodIdentity,
    PortMapping,
    Resources,
    StartContainer,
)
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.environment import Process, expand
from engine.kubelet.security import has_own_users, security_of

KEPT_BY_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
MAX_HOSTNAME = 63
MAX_FQDN = 64
_UNRESOLVED = re.compile(r"\$\(([A-Za-z_.\-][A-Za-z0-9_.\-]*)\)")
_PROPAGATIONS = {"HostToContainer": "HostToContainer", "Bidirectional": "Bidirectional"}
_HUGE_PAGES = "hugepages-"


@attrs.frozen(kw_only=True)
class DnsSettings:
    """Where pods look names up. Without *server* they use what their node uses."""

    server: str = ""
    domain: str = "cluster.local"


def sandbox_command(
    pod: Pod, identity: PodIdentity, *, attempt: int, dns: DnsSettings
) -> CreateSandbox:
    """How to make the sandbox of *pod*.

    Raises:
        MissingConfigError: its fully qualified name is too long for a host name.
    """
    spec, meta = pod.spec, pod.metadata
    servers, searches, options = dns_of(pod, dns)
    security = spec.security_context
    hostname, domain = hostname_of(pod, dns.domain)
    return CreateSandbox(
        pod=identity,
        attempt=attempt,
        hostname=hostname,
        domain=domain,
        dns_servers=servers,
        dns_searches=searches,
        dns_options=options,
        hosts=tuple(HostsEntry(ip=item.ip, hostnames=item.hostnames) for item in spec.host_aliases),
        ports=tuple(
            PortMapping(
                container_port=port.container_port,
                host_port=port.host_port,
                protocol=port.protocol or "TCP",
                host_ip=port.host_ip,
            )
            for container in (*spec.init_containers, *spec.containers)
            for port in container.ports
            if port.host_port and not spec.host_network
        ),
        sysctls=FrozenDict(
            {item.name: item.value for item in (security.sysctls if security else ())}
        ),
        host_network=spec.host_network,
        host_pid=bool(spec.extra.get("hostPID")),
        host_ipc=bool(spec.extra.get("hostIPC")),
        share_process_namespace=bool(spec.share_process_namespace),
        resources=pod_resources(pod),
        has_own_users=has_own_users(pod),
        labels=meta.labels,
        annotations=meta.annotations.without(KEPT_BY_KUBECTL),
    )


def hostname_of(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """The pod's host name and the domain behind it (empty without a subdomain).

    Raises:
        MissingConfigError: setHostnameAsFQDN, and the name is too long for the kernel.

    Source: GeneratePodHostNameAndDomain, kubelet_pods.go, kubernetes v1.34.
    """
    spec = pod.spec
    override = spec.extra.get("hostnameOverride")
    if override:
        return str(override), ""
    name = (spec.hostname or pod.metadata.name)[:MAX_HOSTNAME].rstrip("-.")
    if not spec.subdomain:
        return name, ""
    domain = f"{spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"
    if not spec.extra.get("setHostnameAsFQDN"):
        return name, domain
    full = f"{name}.{domain}"
    if len(full) > MAX_FQDN:
        raise MissingConfigError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too"
            f" long ({MAX_FQDN} characters is the max, {len(full)} characters requested)"
        )
    return full, domain


def pod_resources(pod: Pod) -> Resources | None:
    """The requests and limits of the pod as a whole (spec.resources); None if it has none."""
    given = pod.spec.extra.get("resources")
    if not given:
        return None
    return _resources(given.get("requests", {}), given.get("limits", {}))


def dns_of(pod: Pod, dns: DnsSettings) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Servers, search domains and options of the pod's resolver; empty for the node's own."""
    spec = pod.spec
    policy = spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst" and spec.host_network:
        policy = "Default"
    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    if policy in {"ClusterFirst", "ClusterFirstWithHostNet"} and dns.server:
        domain = dns.domain
        servers = (dns.server,)
        searches = (f"{pod.metadata.namespace}.svc.{domain}", f"svc.{domain}", domain)
        options = ("ndots:5",)
    own = spec.dns_config
    if own is not None:
        servers = tuple(dict.fromkeys(servers + own.nameservers))
        searches = tuple(dict.fromkeys(searches + own.searches))
        merged = {option.partition(":")[0]: option for option in options}
        for item in own.options:
            merged[item.name] = f"{item.name}:{item.value}" if item.value else item.name
        options = tuple(merged.values())
    return servers, searches, options


def start_command(
    pod: Pod,
    container: Container,
    identity: PodIdentity,
    *,
    sandbox_id: str,
    attempt: int,
    process: Process,
    volumes: Mapping[str, commands.Volume],
    image_user: str = "",
) -> StartContainer:
    """How to start *container*.

    Raises:
        MissingConfigError: a mount names no volume, or the security context forbids the start.
    """
    env = dict(process.env)
    mounts = []
    for mount in container.volume_mounts:
        if mount.name not in volumes:
            raise MissingConfigError(f'cannot find volume "{mount.name}" to mount into container')
        sub_path = sub_path_of(mount, env)
        mounts.append(
            Mount(
                volume=mount.name,
                container_path=mount.mount_path,
                sub_path=sub_path,
                read_only=mount.read_only or "readOnly" in volumes[mount.name].attributes,
                propagation=_PROPAGATIONS.get(str(mount.extra.get("mountPropagation", "")), ""),
                is_recursive=is_recursive(mount),
            )
        )
    devices = tuple(
        commands.Device(volume=device["name"], container_path=device["devicePath"])
        for device in container.extra.get("volumeDevices") or ()
    )
    used = dict.fromkeys((*(item.volume for item in mounts), *(one.volume for one in devices)))
    return StartContainer(
        pod=identity,
        sandbox_id=sandbox_id,
        name=container.name,
        attempt=attempt,
        image=container.image,
        command=process.command,
        args=process.args,
        env=process.env,
        working_dir=container.working_dir,
        mounts=tuple(mounts),
        devices=devices,
        volumes=tuple(volumes[name] for name in used),
        resources=resources_of(container),
        security=security_of(pod, container, image_user),
        tty=container.tty,
        stdin=container.stdin,
        termination_message_path=container.termination_message_path or "/dev/termination-log",
        message_from_log=container.termination_message_policy == "FallbackToLogsOnError",
        stop_signal=stop_signal_of(container),
    )


def is_recursive(mount: VolumeMount) -> bool:
    """Whether what is mounted below a read-only mount is read-only too.

    Our runtimes can do it, so that IfPossible is as good as Enabled.

    Source: resolveRecursiveReadOnly, kubelet_pods.go, kubernetes v1.34.
    """
    return mount.extra.get("recursiveReadOnly") in {"Enabled", "IfPossible"}


def sub_path_of(mount: VolumeMount, env: Mapping[str, str]) -> str:
    """Where in its volume a mount begins; empty for all of it.

    Raises:
        MissingConfigError: it names a variable that is not there, or leaves the volume.
    """
    path = mount.sub_path
    expression = str(mount.extra.get("subPathExpr", ""))
    if expression:
        path = expand(expression, env)
        missing = _UNRESOLVED.search(path)
        if missing is not None:
            raise MissingConfigError(f'missing value for "{missing[1]}"')
    if path.startswith("/"):
        raise MissingConfigError(f"error SubPath `{path}` must not be an absolute path")
    if ".." in path.split("/"):
        raise MissingConfigError(f"unable to provision SubPath `{path}`: must not contain '..'")
    return path


def stop_signal_of(container: Container) -> str:
    """The signal that asks the container to end, if its lifecycle names one."""
    return str(container.lifecycle.extra.get("stopSignal", "")) if container.lifecycle else ""


def resources_of(container: Container) -> Resources:
    """Requests and limits as numbers."""
    return _resources(container.resources.requests, container.resources.limits)


def _resources(requests: Mapping[str, str], limits: Mapping[str, str]) -> Resources:
    return Resources(
        cpu_request=parse_millis(requests.get("cpu") or limits.get("cpu") or "0"),
        cpu_limit=parse_millis(limits.get("cpu") or "0"),
        memory_request=parse_int(requests.get("memory") or limits.get("memory") or "0"),
        memory_limit=parse_int(limits.get("memory") or "0"),
        huge_pages=tuple(
            (name.removeprefix(_HUGE_PAGES), parse_int(amount))
            for name, amount in sorted(limits.items())
            if name.startswith(_HUGE_PAGES)
        ),
    )
