"""Security contexts as the runtime enforces them, and what a kubelet does not allow. Pure.

Source: securitycontext/util.go, kuberuntime/security_context.go and sysctl/allowlist.go,
kubernetes v1.34.
"""

from engine.api.container import Container, PodSecurityContext, SecurityContext
from engine.api.pod import Pod
from engine.cri.commands import Security
from engine.cri.status import ProcessUser
from engine.kubelet.config_source import MissingConfigError

SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)
SECCOMP_ROOT = "/var/lib/kubelet/seccomp"


def forbidden_sysctl(pod: Pod) -> str:
    """The first kernel parameter that a pod may not set on this node; empty if there is none."""
    security = pod.spec.security_context
    for item in security.sysctls if security else ():
        if item.name.replace("/", ".") not in SAFE_SYSCTLS:
            return item.name
    return ""


def wants_apparmor(pod: Pod) -> bool:
    """Whether a container has to run under an AppArmor profile."""
    shared = pod.spec.security_context or PodSecurityContext()
    profiles = [shared.extra.get("appArmorProfile")]
    for item in (*pod.spec.init_containers, *pod.spec.containers, *pod.spec.ephemeral_containers):
        own = item.security_context
        profiles.append(own.extra.get("appArmorProfile") if own is not None else None)
    return any(profile and profile.get("type") != "Unconfined" for profile in profiles)


def has_own_users(pod: Pod) -> bool:
    """Whether the pod asks for a user namespace of its own."""
    return pod.spec.extra.get("hostUsers") is False


def security_of(pod: Pod, container: Container, image_user: str = "") -> Security:
    """The container's security context over the pod's.

    *image_user* is as whom the image runs: a number, a name, or empty for root.

    Raises:
        MissingConfigError: it must not run as root and would, or nobody can tell.
    """
    own = container.security_context or SecurityContext()
    shared = pod.spec.security_context
    user, group, non_root = own.run_as_user, own.run_as_group, own.run_as_non_root
    if shared is not None:
        user = shared.run_as_user if user is None else user
        group = shared.run_as_group if group is None else group
        non_root = shared.run_as_non_root if non_root is None else non_root
    if non_root:
        _check_non_root(pod, container, user, image_user)
    capabilities = own.capabilities
    kind, file = _seccomp(pod, own)
    return Security(
        run_as_user=user,
        run_as_group=group,
        fs_group=shared.fs_group if shared else None,
        supplemental_groups=shared.supplemental_groups if shared else (),
        privileged=bool(own.privileged),
        read_only_root=bool(own.read_only_root_filesystem),
        allow_privilege_escalation=own.allow_privilege_escalation is not False,
        capabilities_add=capabilities.add if capabilities else (),
        capabilities_drop=capabilities.drop if capabilities else (),
        seccomp=kind,
        seccomp_file=file,
        unmasked_proc=own.extra.get("procMount") == "Unmasked",
        is_strict_about_groups=_policy(pod) == "Strict",
        apparmor=_apparmor(pod, own),
        selinux=_selinux(pod, own),
    )


def _policy(pod: Pod) -> str:
    shared = pod.spec.security_context
    return str(shared.extra.get("supplementalGroupsPolicy", "")) if shared is not None else ""


def _apparmor(pod: Pod, own: SecurityContext) -> str:
    """The profile: its name, ``unconfined``, or empty for the runtime's own."""
    shared = pod.spec.security_context
    profile = own.extra.get("appArmorProfile")
    if profile is None and shared is not None:
        profile = shared.extra.get("appArmorProfile")
    if not profile or profile.get("type") == "RuntimeDefault":
        return ""
    if profile.get("type") == "Localhost":
        return str(profile.get("localhostProfile", ""))
    return "unconfined"


def _selinux(pod: Pod, own: SecurityContext) -> tuple[str, ...]:
    """The label as the runtime takes it: ``level:s0:c1,c2`` and so on."""
    shared = pod.spec.security_context
    given = own.extra.get("seLinuxOptions")
    if given is None and shared is not None:
        given = shared.extra.get("seLinuxOptions")
    names = ("user", "role", "type", "level")
    return tuple(f"{name}:{given[name]}" for name in names if given and given.get(name))


def identity_of_process(pod: Pod, container: Container, image_user: str = "") -> ProcessUser | None:
    """As whom the container's process is to run; None if only the image knows, by a name."""
    own = container.security_context or SecurityContext()
    shared = pod.spec.security_context
    user = own.run_as_user
    if user is None and shared is not None:
        user = shared.run_as_user
    if user is None:
        if image_user and not image_user.isdigit() and image_user != "root":
            return None
        user = int(image_user) if image_user.isdigit() else 0
    group = own.run_as_group
    if group is None and shared is not None:
        group = shared.run_as_group
    group = group or 0
    others = [] if shared is None else list(shared.supplemental_groups)
    if shared is not None and shared.fs_group is not None:
        others.append(shared.fs_group)
    return ProcessUser(uid=user, gid=group, groups=tuple(others))


def _check_non_root(pod: Pod, container: Container, user: int | None, image_user: str) -> None:
    meta = pod.metadata
    where = f'(pod: "{meta.name}_{meta.namespace}({meta.uid})", container: {container.name})'
    if user is not None:
        if user == 0:
            raise MissingConfigError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image_user and not image_user.isdigit() and image_user != "root":
        raise MissingConfigError(
            f"container has runAsNonRoot and image has non-numeric user ({image_user}),"
            f" cannot verify user is non-root {where}"
        )
    if not image_user or image_user in {"0", "root"}:
        raise MissingConfigError(f"container has runAsNonRoot and image will run as root {where}")


def _seccomp(pod: Pod, own: SecurityContext) -> tuple[str, str]:
    """The kind of seccomp profile, empty for none, and its file."""
    shared = pod.spec.security_context
    profile = own.extra.get("seccompProfile")
    if profile is None and shared is not None:
        profile = shared.extra.get("seccompProfile")
    kind = str(profile.get("type", "")) if profile else ""
    if profile and kind == "Localhost":
        return kind, f"{SECCOMP_ROOT}/{profile['localhostProfile']}"
    return ("RuntimeDefault", "") if kind == "RuntimeDefault" else ("", "")
