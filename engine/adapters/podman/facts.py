"""What this machine is, as the nodes on it say of themselves."""

import os
import platform
from pathlib import Path

from engine.adapters.places import is_inside
from engine.adapters.podman.huge_pages import huge_pages
from engine.adapters.podman.own_users import lacking
from engine.adapters.podman.preflight import Preflight
from engine.adapters.rootless.requirements import unlimited
from engine.cri.status import RuntimeInfo

APPARMOR = Path("/sys/module/apparmor/parameters/enabled")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def machine_facts(state: Path, found: Preflight) -> RuntimeInfo:
    """The size and make of this machine, with Podman as *found* and its files in *state*."""
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    disk = os.statvfs(state)
    machine = platform.machine()
    return RuntimeInfo(
        name="podman",
        version=found.version,
        cpu=(os.cpu_count() or 1) * 1000,
        memory=pages * page,
        ephemeral_storage=disk.f_blocks * disk.f_frsize,
        os_image=_os_image(),
        kernel_version=platform.release(),
        architecture=_ARCHITECTURES.get(machine, machine),
        has_apparmor=host_file(APPARMOR).startswith("Y"),
        has_user_namespaces=not lacking(found, platform.release())[0],
        huge_pages=huge_pages(),
        unlimited=unlimited() if is_inside() else "",
    )


def host_file(path: Path) -> str:
    """What a file of the host says; empty if it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
