"""Disk images: made, formatted, shown as loop devices, grown, copied. Knows no pods.

Loop devices let go of their image by themselves once nothing is mounted from them.
"""

import os
import shutil
import struct
import subprocess
from pathlib import Path

from engine.adapters.places import is_inside
from engine.errors import AdapterError

TOOLS = ("losetup", "mkfs.ext4", "resize2fs", "e2fsck", "mount", "umount")
SUPERBLOCK = 1024
MAGIC = 0xEF53
_SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


def run(*command: str, accepted: int = 0) -> str:
    """Run a tool; its output. Codes up to *accepted* are no failure.

    Raises:
        AdapterError: it failed; the message is its own.
    """
    path = os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM_PATH))
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
        )
    except OSError as error:
        raise AdapterError(f"{command[0]} cannot be run: {error}") from error
    if not 0 <= done.returncode <= accepted:
        said = " ".join((done.stderr or done.stdout).split())
        raise AdapterError(f"{command[0]} failed with code {done.returncode}: {said}")
    return done.stdout


def missing_tools() -> list[str]:
    """The tools that disk images need and this machine lacks."""
    path = os.pathsep.join((os.environ.get("PATH", ""), _SYSTEM_PATH))
    missing = [name for name in TOOLS if shutil.which(name, path=path) is None]
    # No kernel lets users mount file systems from disks of their own making.
    if is_inside() or not os.access("/dev/loop-control", os.R_OK | os.W_OK):
        missing.append("/dev/loop-control")
    return missing


def devices_of(image: Path) -> list[str]:
    """The loop devices that show *image*."""
    wanted = str(image)
    found = []
    for entry in sorted(Path("/sys/block").glob("loop*/loop/backing_file")):
        try:
            name = entry.read_text().strip()
        except OSError:
            continue  # it was let go meanwhile
        if name == wanted:
            found.append(f"/dev/{entry.parent.parent.name}")
    return found


def show(image: Path) -> str:
    """The loop device of *image*, made if there is none.

    Raises:
        AdapterError: there is none to be had.
    """
    found = devices_of(image)
    return found[0] if found else run("losetup", "--find", "--show", str(image)).strip()


def hide(image: Path) -> None:
    """Let the loop device of *image* go, at once or when nothing is mounted from it any more."""
    for device in devices_of(image):
        try:
            run("losetup", "--detach", device)
        except AdapterError:
            continue  # somebody was faster


def hide_below(folder: Path) -> None:
    """Let go of all images in *folder*."""
    inside = f"{folder}/"
    for entry in sorted(Path("/sys/block").glob("loop*/loop/backing_file")):
        try:
            name = entry.read_text().strip().removesuffix(" (deleted)")
        except OSError:
            continue
        if name.startswith(inside):
            hide(Path(name))


def make(image: Path, size: int) -> None:
    """An empty image of *size* bytes; it takes room on the disk as it is written to."""
    part = image.with_suffix(".part")
    with part.open("wb") as file:
        file.truncate(size)
    part.rename(image)


def copy(source: Path, image: Path, size: int = 0) -> None:
    """A copy of *source*, at least *size* bytes large.

    Raises:
        AdapterError: there is no room for it.
    """
    part = image.with_suffix(".part")
    mounted = mount_points(source)
    if mounted:
        run("fsfreeze", "--freeze", mounted[0])  # what was written is on the image, all of it
    try:
        run("cp", "--sparse=always", "--reflink=auto", str(source), str(part))
    finally:
        if mounted:
            run("fsfreeze", "--unfreeze", mounted[0])
    if size > part.stat().st_size:
        os.truncate(part, size)
    part.rename(image)


def grow(image: Path, size: int) -> None:
    """Let *image*, and the devices that show it, have *size* bytes; never less than before."""
    if size > image.stat().st_size:
        os.truncate(image, size)
    for device in devices_of(image):
        run("losetup", "--set-capacity", device)


def format_if_needed(image: Path, device: str) -> bool:
    """Make a file system if there is none; whether one was made."""
    if file_system_size(image):
        return False
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", device)
    return True


def is_grown(image: Path) -> bool:
    """Whether the file system in *image* has all of it."""
    return file_system_size(image) >= image.stat().st_size // 4096 * 4096


def grow_file_system(image: Path, device: str) -> None:
    """Let the file system have all of its image: at any time, if we may; else while unmounted.

    Raises:
        AdapterError: it is mounted, and growing it then needs a capability that we lack.
    """
    if is_grown(image):
        return
    if not mount_points(image):
        run("e2fsck", "-f", "-p", device, accepted=1)  # 1: what was wrong is corrected
    try:
        run("resize2fs", device)
    except AdapterError as error:
        if "Permission denied" not in str(error):
            raise
        raise AdapterError(
            "rpc error: code = FailedPrecondition desc = the file system cannot grow while it is "
            "mounted (CAP_SYS_RESOURCE is missing here); it does when its pod is restarted"
        ) from error


def file_system_size(image: Path) -> int:
    """The bytes of the ext4 file system in *image*; 0 if there is none."""
    with image.open("rb") as file:
        file.seek(SUPERBLOCK)
        block = file.read(64)
    if len(block) < 64 or struct.unpack_from("<H", block, 56)[0] != MAGIC:
        return 0
    (blocks,) = struct.unpack_from("<I", block, 4)
    (exponent,) = struct.unpack_from("<I", block, 24)
    return int(blocks) << (10 + int(exponent))


def mount_points(image: Path) -> list[str]:
    """Where the file system in *image* is mounted."""
    devices = devices_of(image)
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        parts = line.split()
        if parts[parts.index("-") + 2] in devices:
            found.append(parts[4])
    return found
