"""Files of a simulated container as somebody from outside writes them: by changes that enter.

What a program inside reads decides what the cluster does, so a change from outside is an input of
the engine like any other, and a replay has it too.
"""

from collections.abc import Callable

import attrs

from engine.simulation.console.files import Files
from engine.simulation.storage import Rights


@attrs.frozen(kw_only=True)
class FilesOpened:
    """Somebody from outside looks into a container for the first time."""

    container_id: str


@attrs.frozen(kw_only=True)
class FileWritten:
    """A file of a container was made or replaced from outside."""

    container_id: str
    path: str
    data: bytes


@attrs.frozen(kw_only=True)
class FolderMade:
    """A folder was made in a container from outside."""

    container_id: str
    path: str


@attrs.frozen(kw_only=True)
class PathRemoved:
    """A file, or a folder with what is in it, was taken out of a container from outside."""

    container_id: str
    path: str


@attrs.frozen(kw_only=True)
class RightsSet:
    """A file or folder of a container was given a mode and owners from outside."""

    container_id: str
    path: str
    rights: Rights


FileChange = FilesOpened | FileWritten | FolderMade | PathRemoved | RightsSet
"""What somebody from outside does to the files of a container."""


def change_files(files: Files, change: FileChange) -> None:
    """Make *change*."""
    match change:
        case FileWritten(path=path, data=data):
            files.write(path, data)
        case FolderMade(path=path):
            files.make_folder(path)
        case PathRemoved(path=path):
            files.remove(path)
        case RightsSet(path=path, rights=rights):
            files.set_rights(path, rights)


@attrs.define(eq=False)
class FilesFromOutside(Files):
    """The files of a container that runs: read at once, changed by what is handed to *enter*."""

    container_id: str = ""
    enter: Callable[[FileChange], object] = lambda _change: None

    @classmethod
    def of(
        cls, files: Files, container_id: str, enter: Callable[[FileChange], object]
    ) -> "FilesFromOutside":
        """A view of *files*."""
        made = cls(
            files.files,
            files.folders,
            files.rights,
            files.read_only,
            files.writable,
            container_id,
            enter,
        )
        made.trees = files.trees
        return made

    def write(self, path: str, data: bytes) -> None:  # noqa: D102 - as in `Files`
        self.enter(FileWritten(container_id=self.container_id, path=path, data=data))

    def make_folder(self, path: str) -> None:  # noqa: D102 - as in `Files`
        self.enter(FolderMade(container_id=self.container_id, path=path))

    def remove(self, path: str) -> None:  # noqa: D102 - as in `Files`
        self.enter(PathRemoved(container_id=self.container_id, path=path))

    def set_rights(self, path: str, rights: Rights) -> None:  # noqa: D102 - as in `Files`
        self.enter(RightsSet(container_id=self.container_id, path=path, rights=rights))
