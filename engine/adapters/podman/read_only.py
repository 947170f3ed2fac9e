"""Folders that are read-only with all that is mounted below them (recursiveReadOnly).

Podman's own mount option makes only the folder itself so, and knows no other (4.3).
"""

import ctypes
import errno
import os
import struct
from pathlib import Path

from engine.adapters.podman.memory import SHARED, is_mounted

OPEN_TREE, MOVE_MOUNT, MOUNT_SETATTR = 428, 429, 442  # the same numbers on every architecture
HERE, RECURSIVE, EMPTY_PATH = -100, 0x8000, 0x1000
CLONE, MOVE_FROM_DESCRIPTOR, READ_ONLY, PRIVATE = 1, 4, 1, 1 << 18


def has_mounts(folder: Path) -> bool:
    """Whether something is mounted below *folder*."""
    inside = f"{folder.resolve()}/".replace("//", "/").encode()
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return any(line.split(None, 5)[4].startswith(inside) for line in lines)


def show_read_only(source: Path, place: Path) -> Path:
    """Show *source* with all that is mounted below it now at *place*, and nothing of it writable.

    Raises:
        OSError: the kernel refuses, or the Podman service would not see it.
    """
    if is_mounted(place):
        return place
    if not (place.is_relative_to(SHARED) and is_mounted(SHARED)):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(place))
    # The copy is finished before it is mounted: changes would not reach the service's namespace.
    tree = _call(OPEN_TREE, HERE, os.fsencode(source), CLONE | RECURSIVE | os.O_CLOEXEC)
    try:
        attributes = struct.pack("=QQQQ", READ_ONLY, 0, PRIVATE, 0)
        size = ctypes.c_size_t(len(attributes))
        _call(MOUNT_SETATTR, tree, b"", EMPTY_PATH | RECURSIVE, attributes, size)
        place.mkdir(parents=True, exist_ok=True)
        _call(MOVE_MOUNT, tree, b"", HERE, os.fsencode(place), MOVE_FROM_DESCRIPTOR)
    finally:
        os.close(tree)
    return place


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(result)
