"""What must be undone, on disk before it is done: so that it is undone after a crash too."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import attrs


@attrs.frozen
class UndoRecords:
    """One file for each disturbance in force, in *folder*."""

    folder: Path

    def write(self, name: str, undo: dict[str, Any]) -> None:
        """Keep *undo*, durable when this returns.

        Raises:
            OSError: the disk refuses; nothing may be done then.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".{name}"
        with temporary.open("w") as file:
            json.dump(undo, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.folder / name)
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """It has been undone."""
        (self.folder / name).unlink(missing_ok=True)

    def load(self) -> dict[str, dict[str, Any]]:
        """All that an earlier run left to undo, in the order of their names."""
        found = {}
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.iterdir()):
                if path.name.startswith("."):
                    path.unlink(missing_ok=True)
                    continue
                with contextlib.suppress(OSError, ValueError):
                    found[path.name] = json.loads(path.read_text())
        return found
