"""A file that fills a container's disk, without following where the container's links lead."""

import contextlib
import errno
import os

from engine.adapters.podman.records import Container
from engine.errors import AdapterError

SMALL = 4 * 2**30
SPARE = 2 * 2**30
_FOLDER = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def open_folder(container: Container, path: str) -> int:
    """A descriptor of the folder *path* in the container.

    Raises:
        AdapterError: there is none, or a link is on the way.
    """
    try:
        descriptor = os.open(f"/proc/{container.pid}/root", os.O_RDONLY | os.O_DIRECTORY)
        for part in path.strip("/").split("/"):
            if not part:
                continue
            deeper = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
    except OSError as error:
        words = f"{path} in container {container.name}: {error.strerror}"
        raise AdapterError(words) from error
    return descriptor


def fill(folder: int, name: str, size: int) -> None:
    """Let a file take *size* bytes, or all there is on a small disk. May take a while.

    Raises:
        AdapterError: the disk is the host's own and would become full.
    """
    disk = os.fstatvfs(folder)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if total > SMALL and size > free - SPARE:
        raise AdapterError(f"{size >> 20} MiB would fill the host's own disk ({free >> 20} free)")
    file = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    try:
        left = size
        block = bytes(1 << 20)
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSPC):
                raise
            with contextlib.suppress(OSError):  # full: that is what was wanted
                while left > 0:
                    left -= os.write(file, block[: min(left, len(block))])
    finally:
        os.close(file)


def remove(folder: int, name: str) -> None:
    """Remove the file; one that is gone needs nothing."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)
