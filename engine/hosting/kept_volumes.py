"""What simulated volumes hold, kept in a folder: one file a volume, written when it has changed."""

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
from pathlib import Path

import attrs

from engine.simulation.storage import Rights, SimulatedStorage, Tree

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
TEXT = "utf-8"


@attrs.define(eq=False)
class VolumeKeeper:
    """Keeps the volumes of *storage* in *folder*.

    Promises:
        * what was written a second before the process is killed is there at the next start;
        * a file is replaced as a whole; one that cannot be read is left alone, and told.
    """

    folder: Path
    storage: SimulatedStorage
    _kept: dict[str, int] = attrs.field(factory=dict, init=False)
    _task: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    def load(self) -> None:
        """Give the storage what is in the folder."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                body = json.loads(path.read_text(TEXT))
                handle, tree = body["handle"], _read(body)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("volume not read file=%s error=%s", path, error)
                continue
            self.storage.trees[handle] = tree
            self._kept[handle] = _mark(tree)

    def begin(self) -> None:
        """Load what is there, and write what changes from now on."""
        self.load()
        self._task = asyncio.create_task(self._run(), name="volumes")

    async def close(self) -> None:
        """Write what has changed and is not written yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self.save()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.save()
            except OSError as error:
                log.warning("volumes not kept folder=%s error=%s", self.folder, error)

    def save(self) -> None:
        """Write what has changed since the last time, and forget what is gone.

        Raises:
            OSError: the disk refuses.
        """
        for handle, tree in self.storage.trees.items():
            mark = _mark(tree)
            if self._kept.get(handle) != mark:
                self._write(handle, tree)
                self._kept[handle] = mark
        for handle in [handle for handle in self._kept if handle not in self.storage.trees]:
            del self._kept[handle]
            with contextlib.suppress(FileNotFoundError):
                self._path(handle).unlink()

    def _write(self, handle: str, tree: Tree) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(handle)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(_shown(handle, tree)), TEXT)
        part.chmod(0o600)
        part.rename(path)

    def _path(self, handle: str) -> Path:
        return self.folder / f"{hashlib.sha256(handle.encode()).hexdigest()[:32]}.json"


def keep_volumes(data: Path | None, storage: SimulatedStorage | None) -> VolumeKeeper | None:
    """Begin to keep the volumes of a cluster that is kept in *data*, if they are simulated."""
    if data is None or storage is None:
        return None
    keeper = VolumeKeeper(data / "volumes", storage)
    keeper.begin()
    return keeper


def _mark(tree: Tree) -> int:
    """A number that changes when the volume does: contents are never changed in place."""
    files = tuple((path, hash(data)) for path, data in tree.files.items())
    return hash((tree.size, files, tuple(tree.folders), tuple(tree.rights.items())))


def _shown(handle: str, tree: Tree) -> dict[str, object]:
    return {
        "handle": handle,
        "size": tree.size,
        "files": {path: base64.b64encode(data).decode() for path, data in tree.files.items()},
        "folders": list(tree.folders),
        "rights": {path: attrs.astuple(rights) for path, rights in tree.rights.items()},
    }


def _read(body: dict[str, object]) -> Tree:
    files, folders, rights, size = (body[name] for name in ("files", "folders", "rights", "size"))
    if not isinstance(files, dict) or not isinstance(folders, list) or not isinstance(rights, dict):
        raise TypeError("it is not what we write")
    return Tree(
        int(str(size)),
        {path: base64.b64decode(data) for path, data in files.items()},
        dict.fromkeys(folders),
        {path: Rights(*values) for path, values in rights.items()},
    )
