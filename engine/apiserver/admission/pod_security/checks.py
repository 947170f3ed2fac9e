"""What the Pod Security Standards forbid, rule by rule. Works on pod specs in wire form.

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
_SELINUX = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    }
)  # fmt: skip
_VOLUMES = frozenset(
    {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
        "projected", "secret", "image",
    }
)  # fmt: skip


@attrs.frozen
class PodView:
    """A pod spec and the metadata beside it, in wire form."""

    spec: Json
    annotations: Mapping[str, str]

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


def _context(container: Json) -> Json:
    return container.get("securityContext") or {}


def _named(names: list[str]) -> str:
    """``container "a"`` or ``containers "a", "b"``."""
    return f"container{'s' if len(names) > 1 else ''} {quoted(names)}"


def _where(view: PodView, is_bad: Callable[[Json], bool]) -> list[str]:
    return [str(item.get("name", "")) for item in view.containers() if is_bad(item)]


def _unique(items: Iterable[str]) -> list[str]:
    return sorted(dict.fromkeys(items))


# --- baseline ---


def host_namespaces(view: PodView) -> Finding | None:
    """The node's network, processes and IPC stay its own."""
    said = [
        f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if view.spec.get(field)
    ]
    return Finding("host namespaces", ", ".join(said)) if said else None


def privileged(view: PodView) -> Finding | None:
    """No container is privileged."""
    names = _where(view, lambda item: _context(item).get("privileged") is True)
    if not names:
        return None
    return Finding("privileged", f"{_named(names)} must not set securityContext.privileged=true")


def _added(container: Json) -> list[str]:
    return list((_context(container).get("capabilities") or {}).get("add") or ())


def capabilities_baseline(view: PodView) -> Finding | None:
    """No capability beyond the usual ones."""
    names = _where(view, lambda item: any(c not in _CAPABILITIES for c in _added(item)))
    if not names:
        return None
    bad = _unique(c for item in view.containers() for c in _added(item) if c not in _CAPABILITIES)
    detail = f"{_named(names)} must not include {quoted(bad)} in securityContext.capabilities.add"
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
    names = _where(view, lambda item: bool(_host_ports(item)))
    if not names:
        return None
    ports = sorted({port for item in view.containers() for port in _host_ports(item)})
    verb = "use" if len(names) > 1 else "uses"
    what = "hostPorts" if len(ports) > 1 else "hostPort"
    return Finding("hostPort", f"{_named(names)} {verb} {what} {', '.join(map(str, ports))}")


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
    names = _where(view, lambda item: bool(_hosts(item)))
    if not names:
        return None
    hosts = _unique(host for item in view.containers() for host in _hosts(item))
    verb = "use" if len(names) > 1 else "uses"
    what = "probe or lifecycle hosts" if len(hosts) > 1 else "probe or lifecycle host"
    return Finding("probe or lifecycle host", f"{_named(names)} {verb} {what} {quoted(hosts)}")


def app_armor(view: PodView) -> Finding | None:
    """AppArmor is not switched off."""

    def is_bad(context: Json) -> bool:
        profile = context.get("appArmorProfile") or {}
        return bool(profile.get("type") == "Unconfined")

    details = []
    if is_bad(view.context):
        details.append('pod must not set AppArmor profile type to "Unconfined"')
    names = _where(view, lambda item: is_bad(_context(item)))
    if names:
        details.append(f'{_named(names)} must not set AppArmor profile type to "Unconfined"')
    for key, value in view.annotations.items():
        if key.startswith("container.apparmor.security.beta.kubernetes.io/") and not (
            value in ("", "runtime/default") or value.startswith("localhost/")
        ):
            details.append(f'annotation "{key}={value}"')
    if not details:
        return None
    many = "s" if len(details) > 1 or len(names) > 1 else ""
    return Finding(f"forbidden AppArmor profile{many}", ", ".join(details))


def _selinux(context: Json) -> list[str]:
    options = context.get("seLinuxOptions") or {}
    bad = []
    if options.get("type", "") not in _SELINUX:
        bad.append(f'type "{options["type"]}"')
    bad += [f"{field} may not be set" for field in ("user", "role") if options.get(field)]
    return bad


def selinux(view: PodView) -> Finding | None:
    """SELinux keeps its container types."""
    setters = ["pod"] if _selinux(view.context) else []
    names = _where(view, lambda item: bool(_selinux(_context(item))))
    if names:
        setters.append(_named(names))
    if not setters:
        return None
    bad = _unique(
        [
            *_selinux(view.context),
            *(fault for item in view.containers() for fault in _selinux(_context(item))),
        ]
    )
    detail = (
        f"{' and '.join(setters)} set forbidden securityContext.seLinuxOptions: {'; '.join(bad)}"
    )
    return Finding("seLinuxOptions", detail)


def proc_mount(view: PodView) -> Finding | None:
    """/proc stays masked."""

    def kind(item: Json) -> str:
        return str(_context(item).get("procMount") or "Default")

    names = _where(view, lambda item: kind(item) != "Default")
    if not names:
        return None
    kinds = _unique(kind(item) for item in view.containers() if kind(item) != "Default")
    return Finding(
        "procMount", f"{_named(names)} must not set securityContext.procMount to {quoted(kinds)}"
    )


def _seccomp(context: Json) -> str:
    return str((context.get("seccompProfile") or {}).get("type", ""))


def seccomp_baseline(view: PodView) -> Finding | None:
    """Seccomp is not switched off."""
    setters = ["pod"] if _seccomp(view.context) == "Unconfined" else []
    names = _where(view, lambda item: _seccomp(_context(item)) == "Unconfined")
    if names:
        setters.append(_named(names))
    if not setters:
        return None
    detail = (
        f'{" and ".join(setters)} must not set securityContext.seccompProfile.type to "Unconfined"'
    )
    return Finding("seccompProfile", detail)


def sysctls(view: PodView) -> Finding | None:
    """Only kernel parameters that concern the pod alone."""
    bad = [
        item["name"] for item in view.context.get("sysctls") or () if item["name"] not in _SYSCTLS
    ]
    return Finding("forbidden sysctls", ", ".join(bad)) if bad else None


def host_process(view: PodView) -> Finding | None:
    """No Windows host processes."""

    def is_bad(context: Json) -> bool:
        return (context.get("windowsOptions") or {}).get("hostProcess") is True

    setters = ["pod"] if is_bad(view.context) else []
    names = _where(view, lambda item: is_bad(_context(item)))
    if names:
        setters.append(_named(names))
    if not setters:
        return None
    detail = f"{' and '.join(setters)} must not set securityContext.windowsOptions.hostProcess=true"
    return Finding("hostProcess", detail)


# --- restricted ---


def allow_privilege_escalation(view: PodView) -> Finding | None:
    """No process gains more rights than its parent."""
    names = _where(view, lambda item: _context(item).get("allowPrivilegeEscalation") is not False)
    if not names:
        return None
    detail = f"{_named(names)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def capabilities_restricted(view: PodView) -> Finding | None:
    """All capabilities are dropped, one may come back."""
    keeping = _where(
        view,
        lambda item: "ALL" not in ((_context(item).get("capabilities") or {}).get("drop") or ()),
    )
    adding = _where(view, lambda item: any(c != "NET_BIND_SERVICE" for c in _added(item)))
    details = []
    if keeping:
        details.append(f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        bad = _unique(
            c for item in view.containers() for c in _added(item) if c != "NET_BIND_SERVICE"
        )
        details.append(
            f"{_named(adding)} must not include {quoted(bad)} in securityContext.capabilities.add"
        )
    return Finding("unrestricted capabilities", "; ".join(details)) if details else None


def restricted_volumes(view: PodView) -> Finding | None:
    """Only volumes that belong to the pod or the cluster."""
    names, kinds = [], []
    for volume in view.spec.get("volumes") or ():
        bad = [key for key in volume if key != "name" and key not in _VOLUMES]
        if bad:
            names.append(volume["name"])
            kinds += bad
    if not names:
        return None
    found = _unique(kinds)
    detail = (
        f"volume{'s' if len(names) > 1 else ''} {quoted(names)} "
        f"{'use' if len(names) > 1 else 'uses'} restricted volume "
        f"type{'s' if len(found) > 1 else ''} {quoted(found)}"
    )
    return Finding("restricted volume types", detail)


def run_as_non_root(view: PodView) -> Finding | None:
    """Containers say that they do not run as root."""
    of_pod = view.context.get("runAsNonRoot")
    details = []
    bad, silent = [], []
    for item in view.containers():
        said = _context(item).get("runAsNonRoot")
        if said is False:
            bad.append(str(item.get("name", "")))
        elif said is None and not of_pod:
            silent.append(str(item.get("name", "")))
    if of_pod is False:
        details.append("pod must not set securityContext.runAsNonRoot=false")
    if bad:
        details.append(f"{_named(bad)} must not set securityContext.runAsNonRoot=false")
    if details:
        return Finding("runAsNonRoot != true", " and ".join(details))
    if silent:
        detail = f"pod or {_named(silent)} must set securityContext.runAsNonRoot=true"
        return Finding("runAsNonRoot != true", detail)
    return None


def run_as_user(view: PodView) -> Finding | None:
    """Nobody asks to run as user 0."""
    setters = ["pod"] if view.context.get("runAsUser") == 0 else []
    names = _where(view, lambda item: _context(item).get("runAsUser") == 0)
    if names:
        setters.append(_named(names))
    if not setters:
        return None
    return Finding("runAsUser=0", f"{' and '.join(setters)} must not set runAsUser=0")


def seccomp_restricted(view: PodView) -> Finding | None:
    """Containers say which seccomp profile they run under."""
    allowed = ("RuntimeDefault", "Localhost")
    of_pod = _seccomp(view.context)
    bad, silent = [], []
    for item in view.containers():
        kind = _seccomp(_context(item))
        if kind and kind not in allowed:
            bad.append((str(item.get("name", "")), kind))
        elif not kind and of_pod not in allowed:
            silent.append(str(item.get("name", "")))
    details = []
    if of_pod and of_pod not in allowed:
        details.append(f'pod must not set securityContext.seccompProfile.type to "{of_pod}"')
    if bad:
        kinds = _unique(kind for _, kind in bad)
        names = _named([name for name, _ in bad])
        details.append(
            f"{names} must not set securityContext.seccompProfile.type to {quoted(kinds)}"
        )
    if details:
        return Finding("seccompProfile", " and ".join(details))
    if silent:
        detail = (
            f"pod or {_named(silent)} must set securityContext.seccompProfile.type to "
            '"RuntimeDefault" or "Localhost"'
        )
        return Finding("seccompProfile", detail)
    return None


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
_OVERRIDDEN = (capabilities_baseline, host_path_volumes, seccomp_baseline)
RESTRICTED: tuple[Rule, ...] = (
    *(rule for rule in BASELINE if rule not in _OVERRIDDEN),
    allow_privilege_escalation,
    capabilities_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    seccomp_restricted,
)


def broken(level: str, view: PodView) -> list[Finding]:
    """The rules of *level* (privileged, baseline or restricted) that *view* breaks."""
    rules = {"baseline": BASELINE, "restricted": RESTRICTED}.get(level, ())
    return [finding for rule in rules if (finding := rule(view)) is not None]
