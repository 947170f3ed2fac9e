"""The storage of a simulated cluster: volumes are files in memory, shared by all nodes."""

import attrs

from engine.cri.storage import (
    Answer,
    CreateVolume,
    DeleteVolume,
    GrowVolume,
    SnapshotVolume,
    StorageAnswer,
    StorageRequest,
)
from engine.kernel.loop import Loop

WORK_SECONDS = 0.05


@attrs.frozen
class Rights:
    """The mode of a file or folder, and whose it is."""

    mode: int
    user: int = 0
    group: int = 0


@attrs.define(eq=False)
class Tree:
    """What one volume holds: files and folders by path below its root; at most *size* bytes."""

    size: int = 0
    files: dict[str, bytes] = attrs.field(factory=dict)
    folders: dict[str, None] = attrs.field(factory=dict)
    rights: dict[str, Rights] = attrs.field(factory=dict)

    @property
    def used(self) -> int:
        """The bytes in its files."""
        return sum(map(len, self.files.values()))

    def copy(self, size: int) -> "Tree":
        """The same content in a volume of its own."""
        return Tree(size, dict(self.files), dict(self.folders), dict(self.rights))


@attrs.define(eq=False)
class SimulatedStorage:
    """`engine.cri.storage.StorageBackend` without disks: it outlives pods and nodes."""

    loop: Loop
    answer: Answer
    trees: dict[str, Tree] = attrs.field(factory=dict, init=False)

    def submit(self, token: str, request: StorageRequest) -> None:
        """Have *request* done."""
        self.loop.call_later(WORK_SECONDS, self._do, token, request)

    def tree(self, handle: str, size: int = 0) -> Tree:
        """The content of a volume; one that nobody made begins empty."""
        return self.trees.setdefault(handle, Tree(size))

    def _do(self, token: str, request: StorageRequest) -> None:
        error = ""
        match request:
            case CreateVolume(handle=handle, size=size, source=source):
                if source and source not in self.trees:
                    error = f"rpc error: code = NotFound desc = source {source} is not there"
                elif handle not in self.trees:
                    made = self.trees[source].copy(size) if source else Tree(size)
                    self.trees[handle] = made
            case DeleteVolume(handle=handle):
                self.trees.pop(handle, None)
            case GrowVolume(handle=handle, size=size):
                tree = self.tree(handle)
                tree.size = max(size, tree.size)
            case SnapshotVolume(handle=handle, source=source):
                if source in self.trees:
                    self.trees.setdefault(handle, self.trees[source].copy(self.trees[source].size))
                else:
                    error = f"rpc error: code = NotFound desc = volume {source} is not there"
        self.answer(StorageAnswer(token=token, error=error))
