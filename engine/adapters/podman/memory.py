"""Empty directories in memory: a tmpfs of their own with its size, where we may mount one.

They are mounted below one folder whose mounts reach the Podman service, which may live in a mount
namespace of its own.
"""

import subprocess
from pathlib import Path

from engine.adapters.places import runtime_folder
from engine.errors import AdapterError

SHARED = runtime_folder() / "mounts"


def share_mounts() -> bool:
    """Make `SHARED` a folder whose mounts reach processes that leave our mount namespace later.

    To be called before the Podman service starts. It stays, for all instances. Whether that worked.
    """
    try:
        SHARED.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    if is_mounted(SHARED):
        return True
    made = _run("mount", "--bind", str(SHARED), str(SHARED))
    return made and _run("mount", "--make-shared", str(SHARED))


def is_mounted(folder: Path) -> bool:
    """Whether something is mounted at *folder*, also a folder of the same file system."""
    wanted = str(folder.resolve()).encode()
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return any(line.split(None, 5)[4] == wanted for line in lines)


def make_memory(place: Path, fallback: Path, size: int) -> Path:
    """A folder in memory that holds at most *size* bytes (0: half of the host's); where it is.

    Where no tmpfs can be mounted at *place*, a folder of the host's shared memory at *fallback*,
    which has no limit of its own.

    Raises:
        AdapterError: neither works.
    """
    if place.is_mount():
        return place
    if fallback.is_dir():
        return fallback
    options = "mode=1777" + (f",size={size}" if size else "")
    if place.is_relative_to(SHARED) and is_mounted(SHARED):
        place.mkdir(parents=True, exist_ok=True)
        if _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)):
            return place
        place.rmdir()
    try:
        fallback.mkdir(parents=True)
        fallback.chmod(0o1777)
    except OSError as error:
        raise AdapterError(f"no memory-backed folder can be made: {error}") from error
    return fallback


def make_huge_pages(place: Path, medium: str) -> Path:
    """A folder of huge pages, of the size that *medium* names, or the kernel's usual one.

    Raises:
        AdapterError: the kernel refuses it, or the Podman service would not see it.
    """
    if place.is_mount():
        return place
    size = medium.removeprefix("HugePages").removeprefix("-").removesuffix("i")
    options = "mode=0777" + (f",pagesize={size}" if size else "")
    if place.is_relative_to(SHARED) and is_mounted(SHARED):
        place.mkdir(parents=True, exist_ok=True)
        if _run("mount", "-t", "hugetlbfs", "-o", options, "hugetlbfs", str(place)):
            return place
        place.rmdir()
    raise AdapterError(f"no folder of huge pages ({medium}) can be mounted here")


def forget_memory(place: Path) -> None:
    """Unmount what is at *place*, if that is anything, and remove the folder if it is empty."""
    if is_mounted(place):
        _run("umount", "-l", str(place))
    try:
        place.rmdir()
    except OSError:
        return  # somebody else's content


def _run(*command: str) -> bool:
    try:
        return not subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603
    except OSError:
        return False
