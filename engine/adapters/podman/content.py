"""Files of content volumes: written beside the old ones, shown by the swap of one symbolic link.

Source: the kubelet's AtomicWriter (atomic_writer.go) and SetVolumeOwnership (volume_linux.go),
kubernetes v1.34.
"""

import hashlib
import os
import shutil
import stat
from pathlib import Path

from engine.cri.commands import FileContent
from engine.errors import AdapterError

DATA = "..data"
READABLE = 0o440
WRITABLE = 0o660
ENTERABLE = 0o110


def write_files(place: Path, files: tuple[FileContent, ...], *, group: int | None = None) -> None:
    """Write *files* into the folder *place*, all at once, readable for *group*.

    Raises:
        AdapterError: a path would leave the folder.
    """
    version = f"..{_digest(files, group)}"
    current = place / DATA
    before = current.readlink() if current.is_symlink() else None
    if before is not None and str(before) == version:
        return
    fresh = place / version
    _write(fresh, files)
    if group is not None:
        _give(fresh, group, mask=READABLE)
    link = place / "..data_tmp"
    link.unlink(missing_ok=True)
    link.symlink_to(version)
    link.rename(current)
    wanted = {file.path.split("/", 1)[0] for file in files}
    for name in sorted(wanted):
        if not (place / name).is_symlink():
            (place / name).symlink_to(Path(DATA) / name)
    for entry in place.iterdir():
        if not entry.name.startswith("..") and entry.name not in wanted:
            entry.unlink()
    if before is not None:
        shutil.rmtree(place / before, ignore_errors=True)


def _write(folder: Path, files: tuple[FileContent, ...]) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # an interrupted try
    folder.mkdir(parents=True)
    for file in files:
        target = folder / file.path
        if not target.resolve().is_relative_to(folder.resolve()):
            raise AdapterError(f"file {file.path!r} would leave its volume")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)
        target.chmod(file.mode)
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
