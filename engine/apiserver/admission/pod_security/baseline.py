"""The baseline of the Pod Security Standards, rule by rule. Works on pod specs in wire form.

Source: k8s.io/pod-security-admission policy, kubernetes v1.34; kubernetes.io, Pod Security
Standards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

Json = Mapping[str, Any]

_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
        "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
_SELINUX: Mapping[int, frozenset[str]] = {
    0: frozenset({"", "container_t", "container_init_t", "container_kvm_t"}),
    31: frozenset({"container_engine_t"}),
}
_SYSCTLS: Mapping[int, frozenset[str]] = {
    0: frozenset(
        {
            "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
            "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
        }
    ),
    27: frozenset({"net.ipv4.ip_local_reserved_ports"}),
    29: frozenset(
        {
            "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
        }
    ),
    32: frozenset({"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}),
}  # fmt: skip
"""What is allowed from which minor version of the standards on."""

LATEST = 34
"""The minor version of the standards that ``latest`` means."""


@attrs.frozen
class PodView:
    """A pod spec and its metadata in wire form, judged by the standards of v1.*minor*."""

    spec: Json
    annotations: Mapping[str, str]
    minor: int = LATEST

    @property
    def is_windows(self) -> bool:
        """Whether it says that it is for Windows, where some rules mean nothing."""
        return bool((self.spec.get("os") or {}).get("name") == "windows")

    def allowed(self, by_version: Mapping[int, frozenset[str]]) -> frozenset[str]:
        """What these standards allow, which grew from version to version."""
        return frozenset().union(
            *(names for since, names in by_version.items() if since <= self.minor)
        )

    @property
    def context(self) -> Json:
        """The pod's security context."""
        return self.spec.get("securityContext") or {}

    def containers(self) -> Iterator[Json]:
        """All containers: those that start the pod first."""
        for field in ("initContainers", "containers", "ephemeralContainers"):
            yield from self.spec.get(field) or ()


@attrs.frozen
class Finding:
    """One broken rule: its name and where it is broken."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


Rule = Callable[[PodView], Finding | None]


def quoted(names: Iterable[str]) -> str:
    """``"a", "b"``."""
    return ", ".join(f'"{name}"' for name in names)


def context_of(container: Json) -> Json:
    """The security context of *container*."""
    return container.get("securityContext") or {}


def named(names: list[str]) -> str:
    """``container "a"`` or ``containers "a", "b"``."""
    return f"container{'s' if len(names) > 1 else ''} {quoted(names)}"


def where(view: PodView, is_bad: Callable[[Json], bool]) -> list[str]:
    """The names of the containers that are bad."""
    return [str(item.get("name", "")) for item in view.containers() if is_bad(item)]


def unique(items: Iterable[str]) -> list[str]:
    """*items* without repetition, in order."""
    return sorted(dict.fromkeys(items))


def host_namespaces(view: PodView) -> Finding | None:
    """The node's network, processes and IPC stay its own."""
    said = [
        f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if view.spec.get(field)
    ]
    return Finding("host namespaces", ", ".join(said)) if said else None


def privileged(view: PodView) -> Finding | None:
    """No container is privileged."""
    names = where(view, lambda item: context_of(item).get("privileged") is True)
    if not names:
        return None
    return Finding("privileged", f"{named(names)} must not set securityContext.privileged=true")


def added(container: Json) -> list[str]:
    """The capabilities that *container* adds."""
    return list((context_of(container).get("capabilities") or {}).get("add") or ())


def capabilities_baseline(view: PodView) -> Finding | None:
    """No capability beyond the usual ones."""
    names = where(view, lambda item: any(c not in _CAPABILITIES for c in added(item)))
    if not names:
        return None
    bad = unique(c for item in view.containers() for c in added(item) if c not in _CAPABILITIES)
    detail = f"{named(names)} must not include {quoted(bad)} in securityContext.capabilities.add"
    return Finding("non-default capabilities", detail)


def host_path_volumes(view: PodView) -> Finding | None:
    """No directory of the node is mounted."""
    names = [v["name"] for v in view.spec.get("volumes") or () if v.get("hostPath") is not None]
    if not names:
        return None
    return Finding("hostPath volumes", f"volume{'s' if len(names) > 1 else ''} {quoted(names)}")


def _host_ports(container: Json) -> list[int]:
    return [port["hostPort"] for port in container.get("ports") or () if port.get("hostPort")]


def host_ports(view: PodView) -> Finding | None:
    """No port of the node is taken."""
    names = where(view, lambda item: bool(_host_ports(item)))
    if not names:
        return None
    ports = sorted({port for item in view.containers() for port in _host_ports(item)})
    verb = "use" if len(names) > 1 else "uses"
    what = "hostPorts" if len(ports) > 1 else "hostPort"
    return Finding("hostPort", f"{named(names)} {verb} {what} {', '.join(map(str, ports))}")


def _hosts(container: Json) -> list[str]:
    handlers = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
    hooks = container.get("lifecycle") or {}
    handlers += [hooks.get("postStart"), hooks.get("preStop")]
    return [
        handler[kind]["host"]
        for handler in handlers
        for kind in ("httpGet", "tcpSocket")
        if handler and handler.get(kind) and handler[kind].get("host")
    ]


def host_probes(view: PodView) -> Finding | None:
    """Probes and hooks go to the pod itself."""
    names = where(view, lambda item: bool(_hosts(item)))
    if not names:
        return None
    hosts = unique(host for item in view.containers() for host in _hosts(item))
    verb = "use" if len(names) > 1 else "uses"
    what = "probe or lifecycle hosts" if len(hosts) > 1 else "probe or lifecycle host"
    return Finding("probe or lifecycle host", f"{named(names)} {verb} {what} {quoted(hosts)}")


def app_armor(view: PodView) -> Finding | None:
    """AppArmor is not switched off."""

    def is_bad(context: Json) -> bool:
        profile = context.get("appArmorProfile") or {}
        return bool(profile.get("type") == "Unconfined")

    details = []
    if is_bad(view.context):
        details.append('pod must not set AppArmor profile type to "Unconfined"')
    names = where(view, lambda item: is_bad(context_of(item)))
    if names:
        details.append(f'{named(names)} must not set AppArmor profile type to "Unconfined"')
    for key, value in view.annotations.items():
        if key.startswith("container.apparmor.security.beta.kubernetes.io/") and not (
            value in ("", "runtime/default") or value.startswith("localhost/")
        ):
            details.append(f'annotation "{key}={value}"')
    if not details:
        return None
    many = "s" if len(details) > 1 or len(names) > 1 else ""
    return Finding(f"forbidden AppArmor profile{many}", ", ".join(details))


def _selinux(context: Json, types: frozenset[str]) -> list[str]:
    options = context.get("seLinuxOptions") or {}
    bad = []
    if options.get("type", "") not in types:
        bad.append(f'type "{options["type"]}"')
    bad += [f"{field} may not be set" for field in ("user", "role") if options.get(field)]
    return bad


def selinux(view: PodView) -> Finding | None:
    """SELinux keeps its container types."""
    types = view.allowed(_SELINUX)
    setters = ["pod"] if _selinux(view.context, types) else []
    names = where(view, lambda item: bool(_selinux(context_of(item), types)))
    if names:
        setters.append(named(names))
    if not setters:
        return None
    bad = unique(
        [
            *_selinux(view.context, types),
            *(fault for item in view.containers() for fault in _selinux(context_of(item), types)),
        ]
    )
    detail = (
        f"{' and '.join(setters)} set forbidden securityContext.seLinuxOptions: {'; '.join(bad)}"
    )
    return Finding("seLinuxOptions", detail)


def proc_mount(view: PodView) -> Finding | None:
    """/proc stays masked."""

    def kind(item: Json) -> str:
        return str(context_of(item).get("procMount") or "Default")

    names = where(view, lambda item: kind(item) != "Default")
    if not names:
        return None
    kinds = unique(kind(item) for item in view.containers() if kind(item) != "Default")
    return Finding(
        "procMount", f"{named(names)} must not set securityContext.procMount to {quoted(kinds)}"
    )


def seccomp_of(context: Json) -> str:
    """The kind of seccomp profile of a security context, or an empty string."""
    return str((context.get("seccompProfile") or {}).get("type", ""))


def seccomp_baseline(view: PodView) -> Finding | None:
    """Seccomp is not switched off."""
    setters = ["pod"] if seccomp_of(view.context) == "Unconfined" else []
    names = where(view, lambda item: seccomp_of(context_of(item)) == "Unconfined")
    if names:
        setters.append(named(names))
    if not setters:
        return None
    detail = (
        f'{" and ".join(setters)} must not set securityContext.seccompProfile.type to "Unconfined"'
    )
    return Finding("seccompProfile", detail)


def sysctls(view: PodView) -> Finding | None:
    """Only kernel parameters that concern the pod alone."""
    allowed = view.allowed(_SYSCTLS)
    bad = [
        item["name"] for item in view.context.get("sysctls") or () if item["name"] not in allowed
    ]
    return Finding("forbidden sysctls", ", ".join(bad)) if bad else None


def host_process(view: PodView) -> Finding | None:
    """No Windows host processes."""

    def is_bad(context: Json) -> bool:
        return (context.get("windowsOptions") or {}).get("hostProcess") is True

    setters = ["pod"] if is_bad(view.context) else []
    names = where(view, lambda item: is_bad(context_of(item)))
    if names:
        setters.append(named(names))
    if not setters:
        return None
    detail = f"{' and '.join(setters)} must not set securityContext.windowsOptions.hostProcess=true"
    return Finding("hostProcess", detail)


SINCE: dict[Rule, int] = {host_probes: 34, seccomp_baseline: 19}
"""The minor version of the standards from which on a rule holds, if it is not the first."""

BASELINE: tuple[Rule, ...] = (
    app_armor,
    capabilities_baseline,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes,
    privileged,
    proc_mount,
    selinux,
    seccomp_baseline,
    sysctls,
    host_process,
)
