"""Static pods as files: a folder of manifests, looked at every second.

Files in the folder itself are the control plane's, those in a folder named after a node that
node's. Source: kubelet config/file.go, kubernetes v1.34 (which is told of changes by the kernel).
"""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import yaml

from engine.api.codec import DecodeError, decode
from engine.api.pod import Pod
from engine.kernel.journal import Journal

log = logging.getLogger(__name__)

CHANNEL = "manifests"
LOOK_SECONDS = 1.0
SUFFIXES = {".yaml", ".yml", ".json"}

Stamp = tuple[tuple[str, int, int], ...]


@attrs.define(eq=False)
class Manifests:
    """Posts ``(node, pods)`` to the journal whenever the files of a node have changed.

    A file that is no pod is reported in the log and passed over; the others count.
    """

    folder: Path
    nodes: tuple[str, ...]
    control_plane: str
    journal: Journal
    _seen: dict[str, Stamp] = attrs.field(factory=dict, init=False)
    _task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)

    def start(self) -> None:
        """Look now, and every second from now on."""
        self.look()
        self._task = asyncio.get_running_loop().create_task(self._keep_looking())

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def look(self) -> None:
        """Post what has changed."""
        for node in self.nodes:
            folder = self.folder if node == self.control_plane else self.folder / node
            files = sorted(path for path in _entries(folder) if path.suffix in SUFFIXES)
            stamp = _stamp(files)
            if stamp != self._seen.get(node, ()):
                self._seen[node] = stamp
                self.journal.post(CHANNEL, (node, tuple(_read_all(files))))

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()


def _entries(folder: Path) -> Iterable[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file() and path.name[0] != "."]
    except OSError:
        return []


def _stamp(files: Iterable[Path]) -> Stamp:
    found = []
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            continue  # gone meanwhile
        found.append((path.name, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _read_all(files: Iterable[Path]) -> Iterable[Pod]:
    for path in files:
        try:
            for document in yaml.safe_load_all(path.read_text()):
                if document is not None:
                    yield _pod(document)
        except (OSError, yaml.YAMLError, DecodeError, ValueError) as error:
            log.warning("manifest passed over file=%s error=%s", path, error)


def _pod(document: Any) -> Pod:
    found = decode(document) if isinstance(document, dict) else None
    if not isinstance(found, Pod) or not found.metadata.name or not found.spec.containers:
        msg = "it is not a Pod with a name and containers"
        raise ValueError(msg)
    return found
