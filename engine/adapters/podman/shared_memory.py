"""The instances' folders in memory (/dev/shm): whose each is, and the end of those nobody has.

It knows folders; not what is in them.
"""

import contextlib
import os
import shutil
from pathlib import Path

from engine.adapters.podman.records import SHM, memory_folder

OWNER = ".state"
"""The file in such a folder that names the folder of the instance's other files."""


def claim(state: Path) -> None:
    """Make *state* and the folder in memory that goes with it, which says so."""
    folder = memory_folder(state)
    for each in (state, folder):
        each.mkdir(parents=True, exist_ok=True)
    (folder / OWNER).write_text(str(state))


def remove_ownerless(root: Path = SHM) -> list[Path]:
    """Remove the folders whose instances have no other files any more; which they were.

    Those that do not say whose they are, or are another user's, stay: they may not be ours.
    """
    removed = []
    for folder in root.glob("kubarium-*"):
        with contextlib.suppress(OSError):
            state = Path((folder / OWNER).read_text())
            is_ours = folder.stat().st_uid == os.geteuid() and folder == memory_folder(state, root)
            if is_ours and not state.exists():
                shutil.rmtree(folder)
                removed.append(folder)
    return removed
