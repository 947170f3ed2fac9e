"""Files of content volumes: written beside the old ones, shown by the swap of one symbolic link.

Source: the kubelet's AtomicWriter (atomic_writer.go) and SetVolumeOwnership (volume_linux.go),
kubernetes v1.34.
"""

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path

from engine.adapters.podman.files import make_folder, write
from engine.cri.commands import FileContent
from engine.errors import AdapterError

DATA = "..data"
READABLE = 0o440
WRITABLE = 0o660
ENTERABLE = 0o110


def write_files(
    place: Path, files: tuple[FileContent, ...], *, mode: int = 0o777, group: int | None = None
) -> None:
    """Write *files* into the folder *place* of that *mode*, all at once, readable for *group*.

    Raises:
        AdapterError: a path would leave the folder.
    """
    version = f"..{_digest(files, group)}"
    current = f"{place}/{DATA}"
    before = _target(current)
    if before == version:
        return
    _write(f"{place}/{version}", files)
    if group is not None:
        _give(place / version, group, mask=READABLE)
    if before:
        link = f"{place}/..data_tmp"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link)
        os.symlink(version, link)
        os.rename(link, current)
    else:
        os.symlink(version, current)
        if group is not None:
            os.chown(place, -1, group)
            mode |= stat.S_ISGID
        os.chmod(place, mode)
    wanted = {file.path.split("/", 1)[0] for file in files}
    for name in sorted(wanted):
        with contextlib.suppress(FileExistsError):
            os.symlink(f"{DATA}/{name}", f"{place}/{name}")
    if before:
        for name in os.listdir(place):
            if not name.startswith("..") and name not in wanted:
                os.unlink(f"{place}/{name}")
        shutil.rmtree(f"{place}/{before}", ignore_errors=True)


def _target(link: str) -> str:
    """Where the symbolic *link* leads; empty if there is none."""
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _write(folder: str, files: tuple[FileContent, ...]) -> None:
    for file in files:
        if file.path.startswith("/") or ".." in file.path.split("/"):
            raise AdapterError(f"file {file.path!r} would leave its volume")
    if not make_folder(folder):
        shutil.rmtree(folder)  # an interrupted try
        make_folder(folder)
    for file in files:
        target = f"{folder}/{file.path}"
        if "/" in file.path:
            make_folder(os.path.dirname(target))
        write(target, file.data, mode=file.mode)
        if file.user is not None:
            os.chown(target, file.user, -1)


def set_ownership(place: Path, group: int, *, only_if_needed: bool) -> None:
    """Let *group* own the folder and everything in it, now and what is made later.

    With *only_if_needed* nothing is touched when the folder itself is as it should be.
    """
    if only_if_needed:
        found = place.stat()
        wanted = WRITABLE | ENTERABLE | stat.S_ISGID
        if found.st_gid == group and found.st_mode & wanted == wanted:
            return
    _give(place, group, mask=WRITABLE)


def _give(place: Path, group: int, *, mask: int) -> None:
    for folder, names, files in os.walk(place):
        for name in (*names, *files, ""):
            path = Path(folder) / name if name else Path(folder)
            if path.is_symlink() or (name in names and name):
                continue  # folders are met again as such
            mode = path.stat().st_mode
            os.chown(path, -1, group)
            extra = mask | ENTERABLE | stat.S_ISGID if not name else mask
            path.chmod(stat.S_IMODE(mode) | extra)


def _digest(files: tuple[FileContent, ...], group: int | None) -> str:
    digest = hashlib.sha256(str(group).encode())
    for file in sorted(files, key=lambda file: file.path):
        head = f"{file.path}\0{file.mode:o}\0{file.user}\0{len(file.data)}\0"
        digest.update(head.encode())
        digest.update(file.data)
    return digest.hexdigest()[:16]
