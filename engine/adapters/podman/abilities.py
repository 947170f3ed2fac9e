"""What volumes, users and faults can be here: the parts of a machine that a cluster does not need.

It looks and changes nothing.
"""

import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.adapters.packages import install
from engine.adapters.podman.facts import APPARMOR, host_file
from engine.adapters.podman.finding import Finding, Verdict
from engine.adapters.podman.own_users import USER_SPACES, lacking
from engine.adapters.podman.preflight import Preflight, find_tool
from engine.adapters.volumes.images import missing_tools
from engine.adapters.volumes.sharing import file_server

DISK_PACKAGES = {"losetup": "mount", "mount": "mount", "umount": "mount"}
FUSE = Path("/dev/fuse")
LOOP = Path("/dev/loop-control")


def abilities(found: Preflight) -> Iterator[Finding]:
    """Storage, users, security modules, faults of the network; in the order of a reader.

    *found* says how containers are run here.
    """
    yield _disks()
    yield _shares()
    yield _nfs()
    yield _users(found)
    yield _profiles()
    yield from _network_faults()


def _found(name: str, text: str) -> Finding:
    return Finding(name=name, verdict=Verdict.OK, text=text)


def _lacks(name: str, text: str, mend: str) -> Finding:
    return Finding(name=name, verdict=Verdict.NOTE, text=text, mend=mend)


def _disks() -> Finding:
    missing = missing_tools()
    if not missing:
        return _found("disks", "local and cloud volumes are disk images on loop devices")
    text = f"local and cloud volumes are folders without a size, for want of {', '.join(missing)}"
    tools = [name for name in missing if not name.startswith("/")]
    if tools:
        mend = install(*(DISK_PACKAGES.get(name, "e2fsprogs") for name in tools))
    else:
        mend = "sudo modprobe loop" if not LOOP.exists() else "sudo kubarium serve"
    return _lacks("disks", text, mend)


def _shares() -> Finding:
    missing = []
    if file_server() is None:
        missing.append("openssh-sftp-server")
    if shutil.which("sshfs") is None:
        missing.append("sshfs")
    text = "network volumes are plain folders of this machine"
    if missing:
        return _lacks("fuse", f"{text}, for want of {', '.join(missing)}", install(*missing))
    if not os.access(FUSE, os.R_OK | os.W_OK):
        return _lacks("fuse", f"{text}: {FUSE} cannot be opened", "sudo modprobe fuse")
    return _found("fuse", "network volumes come from a file server of our own, through FUSE")


def _nfs() -> Finding:
    if find_tool("mount.nfs") is None:
        text = "no client: pods with NFS volumes say why they wait"
        return _lacks("nfs", text, install("nfs-common"))
    return _found("nfs", "volumes of NFS servers can be mounted")


def _users(found: Preflight) -> Finding:
    if host_file(USER_SPACES).strip() == "0":
        text = "the kernel allows none: neither Podman without root nor hostUsers: false"
        return _lacks("user namespaces", text, "sudo sysctl user.max_user_namespaces=28633")
    why, mend = lacking(found, platform.release())
    if why:
        text = f"for Podman without root; pods with hostUsers: false wait and say so, because {why}"
        return _lacks("user namespaces", text, mend)
    return _found("user namespaces", "pods with hostUsers: false have 65,536 users of their own")


def _profiles() -> Finding:
    has = host_file(APPARMOR).startswith("Y")
    text = (
        "profiles are enforced" if has else "not enabled: pods that ask for a profile are refused"
    )
    return _found("apparmor", text)


def _network_faults() -> Iterator[Finding]:
    if find_tool("nft") is None:
        text = "partitions and loss as faults need the command nft"
        yield _lacks("nftables", text, install("nftables"))
    else:
        yield _found("nftables", "partitions and loss as faults work")
    if find_tool("tc") is None:
        yield _lacks("tc", "bandwidth as a fault needs tc", install("iproute2"))
    where = "with netem" if _has_netem() else "without netem"
    if find_tool("iptables-nft") is None:
        text = f"delays as faults need iptables-nft (kernel {where})"
        yield _lacks("delays", text, install("iptables"))
    else:
        yield _found("delays", f"packets can be delayed, by a queue of ours (kernel {where})")


def _has_netem() -> bool:
    modules = Path("/lib/modules") / platform.release()
    built_in = host_file(modules / "modules.builtin")
    return "sch_netem" in built_in or any(modules.glob("kernel/net/sched/sch_netem.ko*"))
