"""What this machine can do with Podman, found out before anything is started.

It looks and decides; it changes nothing.
"""

import os
import shutil
import subprocess
from pathlib import Path

import attrs

from engine.adapters.rootless.requirements import has_slices, lacks, refusals

CGROUP = Path("/sys/fs/cgroup")
PACKAGES = "podman runc crun catatonit netavark busybox-static nftables iproute2"
INSTALL = "scripts/install-os-packages.sh"
ROUTED_TOOLS = ("unshare", "nsenter", "ip")
HELPERS = (
    "/usr/libexec/podman",
    "/usr/lib/podman",
    "/usr/local/libexec/podman",
    "/usr/sbin",
    "/sbin",
)


@attrs.frozen(kw_only=True)
class Preflight:
    """What was found. Not *usable*: *reason* says why in one line; else how to go about it.

    With *is_routed* we can make namespaces, with *enters* go into those of containers. With
    *can_enter* containers can be run once we are in namespaces of our own.
    """

    usable: bool
    reason: str = ""
    podman: str = ""
    version: str = ""
    runtime: str = "runc"
    hides_cgroup2: bool = False
    is_routed: bool = False
    enters: bool = True
    can_enter: bool = False
    has_slices: bool = False
    """A systemd makes the cgroups of pods, and names them."""


def inspect_host() -> Preflight:
    """Find out whether and how containers can be run here."""
    podman = shutil.which("podman")
    if podman is None:
        return Preflight(usable=False, reason=f"podman is not installed (try {INSTALL})")
    try:
        outcome = subprocess.run(  # noqa: S603
            [podman, "--version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Preflight(usable=False, reason=f"podman cannot be run: {error}")
    version = outcome.stdout.strip().rpartition(" ")[2]
    if outcome.returncode or not version[:1].isdigit():
        return Preflight(usable=False, reason=f"podman --version failed: {outcome.stderr.strip()}")
    if int(version.split(".", 1)[0]) < 4:
        return Preflight(
            usable=False, reason=f"podman {version} is too old; 4.0 or newer is needed"
        )
    if find_tool("conmon") is None:
        return Preflight(usable=False, reason=f"conmon is not installed (try {INSTALL})")
    if find_tool("netavark") is None:
        return Preflight(usable=False, reason=f"netavark is not installed (try {INSTALL})")
    if os.geteuid() != 0:
        return _for_user(Preflight(usable=False, podman=podman, version=version))
    runtime, hides = choose_runtime()
    if not runtime:
        return Preflight(usable=False, reason=f"neither runc nor crun is installed (try {INSTALL})")
    found = local_tools(
        Preflight(
            usable=True,
            podman=podman,
            version=version,
            runtime=runtime,
            hides_cgroup2=hides,
            has_slices=has_slices(),
        )
    )
    if not found.is_routed and find_tool("iptables") is None:
        return Preflight(usable=False, reason=f"iptables is not installed (try {INSTALL})")
    return found


def _for_user(found: Preflight) -> Preflight:
    """*found*, with what an ordinary user lacks; nothing is usable before namespaces are made."""
    blocking = [lack for lack in lacks() if lack.blocks]
    if blocking:
        reason = f"{blocking[0].text} (try {blocking[0].mend})"
        return attrs.evolve(found, reason=reason)
    if refusals:
        return attrs.evolve(found, reason=refusals[-1])
    reason = "an ordinary user's containers need the `kubarium` command, which makes namespaces"
    return attrs.evolve(found, reason=reason, can_enter=True)


def local_tools(found: Preflight) -> Preflight:
    """*found*, with what the tools on this machine let us do ourselves."""
    return attrs.evolve(
        found,
        is_routed=all(map(find_tool, (*ROUTED_TOOLS, "catatonit"))),
        enters=find_tool("nsenter") is not None,
    )


def choose_runtime(cgroup: Path = CGROUP) -> tuple[str, bool]:
    """The OCI runtime to use, and whether the empty cgroup2 mount must be hidden from it.

    crun is faster, but refuses a cgroups v1 layout with a cgroup2 mount beside it.
    """
    has_crun, has_runc = (shutil.which(name) is not None for name in ("crun", "runc"))
    is_hybrid = not (cgroup / "cgroup.controllers").exists() and (cgroup / "unified").is_mount()
    if has_crun and not is_hybrid:
        return "crun", False
    if has_crun and can_hide(cgroup / "unified"):
        return "crun", True
    return ("runc" if has_runc else ""), False


def can_hide(mount: Path) -> bool:
    """Whether *mount* can be taken away in a mount namespace of our own."""
    command = ["unshare", "--mount", "umount", str(mount)]
    try:
        return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603
    except OSError:
        return False


def find_tool(name: str) -> str | None:
    """Where program *name* is, looked for where Podman looks too."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *HELPERS))
    return shutil.which(name, path=path)
