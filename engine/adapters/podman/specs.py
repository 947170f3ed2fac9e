"""Commands of the runtime contract as libpod's container specifications. Pure functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.adapters.places import least_oom_score_adj
from engine.adapters.podman.huge_pages import limited_page_sizes
from engine.adapters.podman.records import (
    ATTEMPT,
    CONTAINER,
    MESSAGE_FILE,
    MESSAGE_FROM_LOG,
    Owner,
    Sandbox,
)
from engine.adapters.podman.signals import signal_number
from engine.adapters.rootless.requirements import kills_whole_containers
from engine.cri.commands import CreateSandbox, Resources, Security, StartContainer

CPU_PERIOD = 100_000  # microseconds
MIN_CPU_QUOTA = 1_000
MIN_SHARES = 2
MAX_SHARES = 262_144
MIN_MEMORY = 6 << 20  # runc needs as much to start a container at all
IDS = 65_536  # users of a pod that has its own
PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared"}
HOSTS = (
    "# Kubernetes-managed hosts file.",
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::0\tip6-localnet",
    "fe00::0\tip6-mcastprefix",
    "fe00::1\tip6-allnodes",
    "fe00::2\tip6-allrouters",
)
ETC_FILES = {"hosts": "/etc/hosts", "resolv.conf": "/etc/resolv.conf", "hostname": "/etc/hostname"}


def container_spec(
    command: StartContainer,
    sandbox: Sandbox,
    owner: Owner,
    *,
    mounts: list[dict[str, Any]],
    namespaces: Mapping[str, Any],
    devices: Sequence[dict[str, Any]] = (),
    has_slices: bool = False,
) -> dict[str, Any]:
    """The body of `POST /containers/create`; with *has_slices* systemd names the pod's cgroup."""
    security = command.security
    log = log_file(command, owner)
    message = message_file(command, owner)
    own = {mount.container_path.rstrip("/") for mount in command.mounts}
    labels = owner.labels(command.pod) | {
        CONTAINER: command.name,
        ATTEMPT: str(command.attempt),
        MESSAGE_FILE: str(message),
    }
    if command.message_from_log:
        labels[MESSAGE_FROM_LOG] = "true"
    spec: dict[str, Any] = {
        "name": container_name(command, owner),
        "pod": sandbox.id,
        "image": command.image,
        "env": {**_hostname(sandbox), **dict(command.env)},
        "labels": {**command.labels, **labels},
        "annotations": dict(command.annotations),
        "terminal": command.tty,
        "stdin": command.stdin,
        "mounts": [
            *mounts,
            *(
                bind(f"{sandbox.folder}/{name}", path)
                for name, path in ETC_FILES.items()
                if path not in own
            ),
            bind(message, command.termination_message_path),
        ],
        "use_image_hosts": True,
        "use_image_resolve_conf": True,
        "log_configuration": {"driver": "k8s-file", "path": str(log)},
        "restart_policy": "no",
        "stop_timeout": 30,
        **_cgroup_settings(command, sandbox, has_slices=has_slices),
        **security_settings(security),
        **namespaces,
    }
    if sandbox.users:  # files of the host's users appear as those of the pod's
        for mount in spec["mounts"]:
            mount["options"].append(ids_option(sandbox.users))
    if devices:
        spec["devices"] = list(devices)
    if command.stop_signal:
        spec["stop_signal"] = signal_number(command.stop_signal)
    if command.command:
        spec["entrypoint"] = list(command.command)
        spec["command"] = list(command.args)
    elif command.args:
        spec["command"] = list(command.args)
    if command.working_dir:
        spec["work_dir"] = command.working_dir
    return spec


def _cgroup_settings(
    command: StartContainer, sandbox: Sandbox, *, has_slices: bool
) -> dict[str, Any]:
    """What the container may use, and how it ends when it wants more memory.

    With ``memory.oom.group`` as a whole, where there is such a file: the kubelet's own default.
    """
    limits = {
        **resource_limits(command.resources),
        **huge_page_limits(command.resources, limited_page_sizes()),
    }
    if kills_whole_containers():
        limits["unified"] = {"memory.oom.group": "1"}
    settings: dict[str, Any] = {
        "resource_limits": limits,
        "oom_score_adj": oom_score_adj(sandbox.resources or command.resources),
    }
    if sandbox.resources is not None and not has_slices:
        settings["cgroup_parent"] = f"/libpod_parent/{sandbox.id}"
    return settings


def container_name(command: StartContainer, owner: Owner) -> str:
    """The container's name in Podman."""
    return owner.name(command.pod, command.name, str(command.attempt))


def log_file(command: StartContainer, owner: Owner) -> Path:
    """Where conmon writes what the container says."""
    return Path(f"{owner.pod_folder(command.pod)}/logs/{command.name}.{command.attempt}.log")


def message_file(command: StartContainer, owner: Owner) -> Path:
    """The file behind the container's termination message path."""
    folder = owner.small_pod_folder(command.pod)
    return Path(f"{folder}/messages/{command.name}.{command.attempt}")


def bind(
    source: Path | str, destination: str, *, read_only: bool = False, propagation: str = ""
) -> dict[str, Any]:
    """One bind mount; *propagation* as the pod's specification has it."""
    options = ["rbind", PROPAGATION.get(propagation, "rprivate"), "ro" if read_only else "rw"]
    return {
        "type": "bind",
        "source": str(source),
        "destination": destination,
        "options": options,
    }


def ids_option(first: int) -> str:
    """The option of a mount whose files seem to belong to the users from the host's *first* on.

    Without numbers crun takes those of the container's process, which in a shared process
    namespace it may look for too early (1.8.1).
    """
    ids = f"0-{first}-{IDS}"
    return f"idmap=uids={ids};gids={ids}"


def device(source: Path, destination: str) -> dict[str, Any]:
    """One block device of the host as the container's own."""
    return {"path": f"{source}:{destination}:rwm"}


def resource_limits(resources: Resources) -> dict[str, Any]:
    """CPU and memory in the runtime specification's units; nothing where nothing is asked.

    Source: kubelet MilliCPUToShares and MilliCPUToQuota, helpers_linux.go, kubernetes v1.34.
    """
    cpu: dict[str, int] = {}
    limits: dict[str, Any] = {"cpu": cpu}
    request = resources.cpu_request or resources.cpu_limit
    cpu["shares"] = min(MAX_SHARES, max(MIN_SHARES, request * 1024 // 1000))
    if resources.cpu_limit:
        cpu["period"] = CPU_PERIOD
        cpu["quota"] = max(MIN_CPU_QUOTA, resources.cpu_limit * CPU_PERIOD // 1000)
    if resources.memory_limit:
        limit = max(MIN_MEMORY, resources.memory_limit)
        limits["memory"] = {"limit": limit, "swap": limit}
    return limits


def huge_page_limits(resources: Resources, sizes: Sequence[str]) -> dict[str, Any]:
    """How much of each of *sizes* (``2Mi``) the container may use: none unless it says so.

    Source: GetHugepageLimitsFromResources, kuberuntime_container_linux.go, kubernetes v1.34.
    """
    allowed = dict(resources.huge_pages)
    # The kernel says MB for what Kubernetes calls Mi.
    limits = [{"pageSize": f"{size[:-1]}B", "limit": allowed.get(size, 0)} for size in sizes]
    return {"hugepageLimits": limits} if limits else {}


def oom_score_adj(resources: Resources) -> int:
    """Who dies first when the host runs out of memory: BestEffort, then Burstable.

    A coarse form of the kubelet's scale, and never below 0, which would need a capability.
    """
    has_limits = bool(resources.cpu_limit and resources.memory_limit)
    has_any = has_limits or bool(resources.cpu_request or resources.memory_request)
    wanted = 0 if has_limits else 500 if has_any else 1000
    return max(wanted, least_oom_score_adj())


def security_settings(security: Security) -> dict[str, Any]:
    """The security context."""
    settings: dict[str, Any] = {
        "privileged": security.privileged,
        "read_only_filesystem": security.read_only_root,
        "no_new_privileges": not security.allow_privilege_escalation and not security.privileged,
    }
    user = _user(security)
    if user:
        settings["user"] = user
    groups = list(security.supplemental_groups)
    if security.fs_group is not None:
        groups.append(security.fs_group)
    if security.seccomp != "RuntimeDefault" and not security.privileged:
        settings["seccomp_profile_path"] = security.seccomp_file or "unconfined"
    settings |= _confinement(security)
    if groups:
        settings["groups"] = [str(group) for group in groups]
    if security.capabilities_add:
        settings["cap_add"] = [capability(name) for name in security.capabilities_add]
    if security.capabilities_drop:
        settings["cap_drop"] = [capability(name) for name in security.capabilities_drop]
    return settings


def _user(security: Security) -> str:
    """As whom it runs, ``user:group``; empty for the image's choice."""
    group = "" if security.run_as_group is None else f":{security.run_as_group}"
    if security.run_as_user is None:
        return f"0{group}" if group else ""
    if not group and security.is_strict_about_groups:
        group = ":0"  # without a group Podman looks the user's groups up in the image
    return f"{security.run_as_user}{group}"


def _confinement(security: Security) -> dict[str, Any]:
    """What the kernel's security modules are told, and which parts of /proc are shown."""
    found: dict[str, Any] = {}
    if security.apparmor:
        found["apparmor_profile"] = security.apparmor
    if security.selinux:
        found["selinux_opts"] = list(security.selinux)
    if security.unmasked_proc:
        found["unmask"] = ["ALL"]
    return found


def capability(name: str) -> str:
    """Kubernetes' name of a capability as Podman takes it."""
    return name.upper() if name.upper() == "ALL" else f"CAP_{name.upper().removeprefix('CAP_')}"


def etc_files(
    command: CreateSandbox, *, ip: str, host_resolv: str, host_hosts: str = ""
) -> dict[str, str]:
    """What the pod's /etc/hosts, /etc/resolv.conf and /etc/hostname hold.

    Without DNS servers of its own the pod gets *host_resolv*, the host's file; on the host's
    network it sees *host_hosts*, the host's names.

    Source: managedHostsFileContent, kubelet_pods.go, kubernetes v1.34.
    """
    if command.host_network:
        hosts = ["# Kubernetes-managed hosts file (host network).", host_hosts.rstrip("\n")]
    else:
        short = command.hostname.removesuffix(f".{command.domain}")
        full = f"{short}.{command.domain}\t" if command.domain else ""
        hosts = [*HOSTS, f"{ip}\t{full}{short}"] if ip else list(HOSTS)
    if command.hosts:
        hosts += ["", "# Entries added by HostAliases."]
        hosts += [f"{entry.ip}\t" + "\t".join(entry.hostnames) for entry in command.hosts]
    resolv = [f"nameserver {server}" for server in command.dns_servers]
    if command.dns_searches:
        resolv.insert(0, "search " + " ".join(command.dns_searches))
    if command.dns_options:
        resolv.append("options " + " ".join(command.dns_options))
    return {
        "hosts": "\n".join(hosts) + "\n",
        "resolv.conf": "\n".join(resolv) + "\n" if command.dns_servers else host_resolv,
        "hostname": command.hostname + "\n",
    }


def _hostname(sandbox: Sandbox) -> dict[str, str]:
    """HOSTNAME as the pod is called; Podman would say how the machine is called."""
    if sandbox.host_network:
        return {}
    if sandbox.hostname:
        return {"HOSTNAME": sandbox.hostname}
    try:  # of one that an earlier run of us has made
        return {"HOSTNAME": (sandbox.folder / "hostname").read_text().strip()}
    except OSError:
        return {}
