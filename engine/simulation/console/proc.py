"""What a simulated container reads below /proc: its mounts, its rights, the pod's settings."""

from collections.abc import Iterable
from ipaddress import ip_address

from engine.cri.commands import CreateSandbox, Security, StartContainer

CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)  # fmt: skip
"""In the order of their numbers."""

USUAL = (
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP",
)  # fmt: skip
"""Those a container has unless its security context says otherwise."""

USERS = 65_536


def proc_files(command: StartContainer, sandbox: CreateSandbox, ip: str) -> dict[str, str]:
    """Files below /proc and what is in them; *ip* is the pod's address."""
    security = command.security
    found = {
        "/proc/mounts": _mounts(command),
        "/proc/self/status": _status(security),
        "/proc/self/uid_map": _ids(ip if sandbox.has_own_users else ""),
        "/proc/self/gid_map": _ids(ip if sandbox.has_own_users else ""),
    }
    for name, value in sandbox.sysctls.items():
        found[f"/proc/sys/{name.replace('.', '/')}"] = f"{value}\n"
    found["/proc/self/mounts"] = found["/proc/mounts"]
    found["/proc/1/status"] = found["/proc/self/status"]
    return found


def _mounts(command: StartContainer) -> str:
    root = "ro" if command.security.read_only_root else "rw"
    lines = [f"overlay / overlay {root},relatime 0 0", "proc /proc proc rw,nosuid 0 0"]
    masked = () if command.security.unmasked_proc or command.security.privileged else ("kcore",)
    lines += [f"tmpfs /proc/{name} tmpfs rw,nosuid 0 0" for name in masked]
    volumes = {volume.name: volume for volume in command.volumes}
    for mount in command.mounts:
        volume = volumes.get(mount.volume)
        in_memory = volume is not None and (volume.is_secret or volume.medium == "Memory")
        is_content = volume is not None and volume.files is not None
        rights = "ro" if mount.read_only or is_content else "rw"
        kind = "tmpfs" if in_memory else "ext4"
        source = "tmpfs" if in_memory else "/dev/vda1"
        lines.append(f"{source} {mount.container_path} {kind} {rights},relatime 0 0")
    return "".join(f"{line}\n" for line in lines)


def _status(security: Security) -> str:
    bounds = _mask(_capabilities(security))
    effective = 0 if security.run_as_user else bounds
    has_filter = bool(security.seccomp) and not security.privileged
    lines = {
        "Name": "sh",
        "Uid": "\t".join([str(security.run_as_user or 0)] * 4),
        "Gid": "\t".join([str(security.run_as_group or 0)] * 4),
        "CapInh": f"{0:016x}",
        "CapPrm": f"{effective:016x}",
        "CapEff": f"{effective:016x}",
        "CapBnd": f"{bounds:016x}",
        "CapAmb": f"{0:016x}",
        "NoNewPrivs": str(int(not security.allow_privilege_escalation)),
        "Seccomp": "2" if has_filter else "0",
    }
    return "".join(f"{name}:\t{value}\n" for name, value in lines.items())


def _capabilities(security: Security) -> set[str]:
    if security.privileged:
        return set(CAPABILITIES)
    dropped = {name.upper().removeprefix("CAP_") for name in security.capabilities_drop}
    added = {name.upper().removeprefix("CAP_") for name in security.capabilities_add}
    kept = set() if "ALL" in dropped else set(USUAL) - dropped
    return set(CAPABILITIES) if "ALL" in added else kept | added


def _mask(names: Iterable[str]) -> int:
    return sum(1 << CAPABILITIES.index(name) for name in names if name in CAPABILITIES)


def _ids(ip: str) -> str:
    """Who is who on the node: a range for each address, or the node's own users without one."""
    start, count = (0, 4_294_967_295)
    if ip:
        start, count = (int(ip_address(ip)) & 0xFFFF) * USERS, USERS
    return f"{0:10d} {start:10d} {count:10d}\n"
