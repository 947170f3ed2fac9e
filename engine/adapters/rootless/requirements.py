"""What an ordinary user needs to run real containers, and the command that mends what is missing.

It looks and changes nothing.
"""

import functools
import os
import platform
import pwd
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs

from engine.adapters.packages import install
from engine.adapters.places import is_inside, user_ids

CGROUP = Path("/sys/fs/cgroup")
TUN = Path("/dev/net/tun")
FUSE = Path("/dev/fuse")
SYSTEM_PATH = "/usr/sbin:/sbin:/usr/libexec/podman:/usr/lib/podman"
TOOLS = {
    "newuidmap": "uidmap",
    "newgidmap": "uidmap",
    "unshare": "util-linux",
    "setsid": "util-linux",
    "nsenter": "util-linux",
    "ip": "iproute2",
    "catatonit": "catatonit",
}
OVERLAY_KERNEL = (5, 11)
DELEGATED = ("cpu", "memory", "pids")
DELEGATE = (
    "sudo mkdir -p /etc/systemd/system/user@.service.d; printf '[Service]\\nDelegate=cpu cpuset io"
    " memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf;"
    " sudo systemctl daemon-reload"
)

refusals: list[str] = []
"""Why this process could not enter namespaces of its own, if it tried."""


@attrs.frozen(kw_only=True)
class Lack:
    """Something that is missing: what follows, and the command that mends it.

    If it *blocks*, containers cannot be run; else they can, without what *text* says.
    """

    name: str
    text: str
    mend: str = ""
    blocks: bool = True


def lacks() -> list[Lack]:
    """Everything that this user lacks, what is in the way first."""
    found = [*_tools(), *_ids(), *_namespaces(), *_network(), *_limits(), *_storage()]
    return sorted(found, key=lambda lack: not lack.blocks)


def find_program(name: str) -> str | None:
    """Where program *name* is; users often lack the system's folders in their PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")


def user_name() -> str:
    """The user's name outside of all namespaces."""
    number = user_ids()[0]
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def has_ids(text: str, user: str, number: int) -> bool:
    """Whether the lines of /etc/subuid or /etc/subgid in *text* give the user ids of their own."""
    lines = [line.strip().split(":") for line in text.splitlines()]
    return any(
        len(line) == 3 and line[0] in {user, str(number)} and line[2].isdigit() and int(line[2]) > 0
        for line in lines
    )


def uses_outer_network() -> str:
    """The program that connects our network with the world: slirp4netns, pasta, or none of them."""
    if not os.access(TUN, os.R_OK | os.W_OK):
        return ""
    return next((name for name in ("slirp4netns", "pasta") if find_program(name)), "")


def storage_driver() -> tuple[str, str]:
    """The storage driver to use, and the program it mounts with (empty for the kernel itself)."""
    version = re.findall(r"\d+", platform.release())[:2]
    if tuple(map(int, version)) >= OVERLAY_KERNEL:
        return "overlay", ""
    program = find_program("fuse-overlayfs")
    if program and os.access(FUSE, os.R_OK | os.W_OK):
        return "overlay", program
    return "vfs", ""


def delegated(root: Path = CGROUP) -> list[str]:
    """The controllers of cgroups v2 that the user may hand on to containers; none on v1."""
    number = user_ids()[0]
    folder = root / "user.slice" / f"user-{number}.slice" / f"user@{number}.service"
    try:
        return (folder / "cgroup.controllers").read_text().split()
    except OSError:
        return []


def uses_systemd() -> bool:
    """Whether the user has a systemd of their own, that makes cgroups for them."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(runtime) and (Path(runtime) / "systemd" / "private").exists() and bool(delegated())


@functools.cache
def has_slices() -> bool:
    """Whether containers' cgroups are slices of the user's systemd, which it alone names."""
    return is_inside() and uses_systemd()


@functools.cache
def kills_whole_containers() -> bool:
    """Whether cgroups (v2 only) can end a container that runs out of memory as a whole."""
    if "memory" not in _read(CGROUP / "cgroup.controllers").split():
        return False
    return not is_inside() or (uses_systemd() and "memory" in delegated())


def unlimited() -> str:
    """Which limits of containers are not enforced for this user, and why; empty if all are."""
    return next((lack.text for lack in _limits()), "")


def _tools() -> Iterator[Lack]:
    missing = [name for name in TOOLS if find_program(name) is None]
    if missing:
        packages = [TOOLS[name] for name in missing]
        yield Lack(
            name="rootless",
            text=f"without root, containers need {', '.join(missing)}",
            mend=install(*packages),
        )


def _ids() -> Iterator[Lack]:
    user, number = user_name(), user_ids()[0]
    files = [Path("/etc/subuid"), Path("/etc/subgid")]
    missing = [file for file in files if not has_ids(_read(file), user, number)]
    if missing and "subid:" not in _read(Path("/etc/nsswitch.conf")):
        yield Lack(
            name="rootless",
            text=f"{user} has no subordinate ids in {' and '.join(map(str, missing))}",
            mend=f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}",
        )


def _namespaces() -> Iterator[Lack]:
    for name, allows in (
        ("user.max_user_namespaces", lambda value: int(value) > 0),
        ("kernel.unprivileged_userns_clone", lambda value: value == "1"),
    ):
        value = _read(Path("/proc/sys") / name.replace(".", "/")).strip()
        if value and not allows(value):
            yield Lack(
                name="rootless",
                text=f"users may make no namespaces here: {name} is {value}",
                mend=f"sudo sysctl -w {name}={'28633' if 'max' in name else '1'}",
            )


def _network() -> Iterator[Lack]:
    if uses_outer_network():
        return
    if not os.access(TUN, os.R_OK | os.W_OK):
        why, mend = f"{TUN} cannot be opened", f"sudo modprobe tun; sudo chmod 666 {TUN}"
    else:
        why, mend = "neither slirp4netns nor pasta is installed", install("slirp4netns")
    yield Lack(
        name="outside",
        text=f"pods reach each other and their names, but nothing outside the cluster: {why}",
        mend=mend,
        blocks=False,
    )


def _limits() -> Iterator[Lack]:
    if not (CGROUP / "cgroup.controllers").exists():
        yield Lack(
            name="limits",
            text="cgroups v1 are root's alone: limits of CPU and memory are not enforced, nobody is"
            " OOMKilled, usage is read from /proc",
            mend="boot with systemd.unified_cgroup_hierarchy=1, or run as root",
            blocks=False,
        )
        return
    missing = [name for name in DELEGATED if name not in delegated()]
    if missing:
        yield Lack(
            name="limits",
            text=f"not delegated to you: {', '.join(missing)}; limits of these are not enforced",
            mend=DELEGATE,
            blocks=False,
        )


def _storage() -> Iterator[Lack]:
    if storage_driver()[0] == "vfs":
        yield Lack(
            name="storage",
            text="images are copied for every container: the kernel is older than 5.11 and"
            " fuse-overlayfs cannot be used",
            mend=f"{install('fuse-overlayfs')}; sudo chmod 666 {FUSE}",
            blocks=False,
        )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
