"""A pod's specification as commands for the runtime. Pure."""

from collections.abc import Mapping

import attrs

from engine.api.container import Container
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
    Security,
    StartContainer,
)
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.environment import Process, expand

KEPT_BY_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
MAX_HOSTNAME = 63


@attrs.frozen(kw_only=True)
class DnsSettings:
    """Where pods look names up. Without *server* they use what their node uses."""

    server: str = ""
    domain: str = "cluster.local"


def sandbox_command(
    pod: Pod, identity: PodIdentity, *, attempt: int, dns: DnsSettings
) -> CreateSandbox:
    """How to make the sandbox of *pod*."""
    spec, meta = pod.spec, pod.metadata
    servers, searches, options = dns_of(pod, dns)
    security = spec.security_context
    return CreateSandbox(
        pod=identity,
        attempt=attempt,
        hostname=(spec.hostname or meta.name)[:MAX_HOSTNAME].rstrip("-."),
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
        share_process_namespace=bool(spec.share_process_namespace),
        labels=meta.labels,
        annotations=meta.annotations.without(KEPT_BY_KUBECTL),
    )


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
        sub_path = mount.sub_path or expand(str(mount.extra.get("subPathExpr", "")), env)
        mounts.append(
            Mount(
                volume=mount.name,
                container_path=mount.mount_path,
                sub_path=sub_path,
                read_only=mount.read_only,
            )
        )
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
        volumes=tuple(volumes[name] for name in dict.fromkeys(item.volume for item in mounts)),
        resources=resources_of(container),
        security=security_of(pod, container),
        tty=container.tty,
        stdin=container.stdin,
        termination_message_path=container.termination_message_path or "/dev/termination-log",
    )


def resources_of(container: Container) -> Resources:
    """Requests and limits as numbers."""
    requests, limits = container.resources.requests, container.resources.limits
    return Resources(
        cpu_request=parse_millis(requests.get("cpu") or limits.get("cpu") or "0"),
        cpu_limit=parse_millis(limits.get("cpu") or "0"),
        memory_request=parse_int(requests.get("memory") or limits.get("memory") or "0"),
        memory_limit=parse_int(limits.get("memory") or "0"),
    )


def security_of(pod: Pod, container: Container) -> Security:
    """The container's security context over the pod's.

    Raises:
        MissingConfigError: it must not run as root and would.
    """
    own, shared = container.security_context, pod.spec.security_context
    user = own.run_as_user if own and own.run_as_user is not None else None
    group = own.run_as_group if own and own.run_as_group is not None else None
    non_root = own.run_as_non_root if own and own.run_as_non_root is not None else None
    if shared is not None:
        user = shared.run_as_user if user is None else user
        group = shared.run_as_group if group is None else group
        non_root = shared.run_as_non_root if non_root is None else non_root
    if non_root and user == 0:
        raise MissingConfigError("container's runAsUser breaks non-root policy")
    capabilities = own.capabilities if own else None
    escalation = own.allow_privilege_escalation if own else None
    return Security(
        run_as_user=user,
        run_as_group=group,
        fs_group=shared.fs_group if shared else None,
        supplemental_groups=shared.supplemental_groups if shared else (),
        privileged=bool(own and own.privileged),
        read_only_root=bool(own and own.read_only_root_filesystem),
        allow_privilege_escalation=escalation is not False,
        capabilities_add=capabilities.add if capabilities else (),
        capabilities_drop=capabilities.drop if capabilities else (),
    )
