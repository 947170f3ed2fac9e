"""The panic signal: has the Kubarium that runs on this machine undo all faults, without its API.

Each running cluster leaves a note of itself in the state directory, so that it can be found.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from engine.hosting.options import state_folder

SIGNAL = signal.SIGUSR1
POLL_SECONDS = 0.1


@attrs.frozen
class Note:
    """A running cluster: its process, since when that runs, its address and its kubeconfig.

    *answers* counts the panic signals it has carried out, *undone* is what the last one ended.
    """

    pid: int
    started: str
    server: str
    kubeconfig: str
    answers: int = 0
    undone: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return bool(self.started) and _started(self.pid) == self.started


@attrs.define(eq=False)
class PanicDoor:
    """The end of the signal inside of a cluster's process.

    *undo* ends all faults and says how many there were.
    """

    server: str
    kubeconfig: Path
    undo: Callable[[], int]
    _note: Note = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        pid = os.getpid()
        self._note = Note(pid, _started(pid), self.server, str(self.kubeconfig.resolve()))

    def open(self) -> None:
        """Listen, and say where we are. Only the main thread of a process can."""
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(SIGNAL, self._undo)
            self._write()

    def close(self) -> None:
        """Be found no more. Closing twice is once."""
        self._path.unlink(missing_ok=True)
        # The signal stays harmless: its own default would end the process.

    @property
    def _path(self) -> Path:
        return _folder() / f"{self._note.pid}-{self.server.rpartition(':')[2]}.json"

    def _undo(self) -> None:
        if not self._path.exists():
            return
        count = self.undo()
        self._note = attrs.evolve(self._note, answers=self._note.answers + 1, undone=count)
        self._write()

    def _write(self) -> None:
        _folder().mkdir(parents=True, exist_ok=True)
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps(attrs.asdict(self._note)), encoding="utf-8")
        whole.rename(self._path)


def running(*, kubeconfig: Path | None = None, server: str = "") -> list[Note]:
    """The clusters of this user that run on this machine: all, or those one of these leads to."""
    wanted = str(kubeconfig.resolve()) if kubeconfig is not None else ""
    return [
        note
        for note in _notes()
        if note.is_alive
        and (not wanted or note.kubeconfig == wanted)
        and (not server or note.server == server)
    ]


def undo_all(note: Note, *, patience: float = 60.0) -> int | None:
    """Have a cluster undo all faults; how many there were, None if it has not said so in time."""
    before = note.answers
    with contextlib.suppress(OSError):
        os.kill(note.pid, SIGNAL)
    until = time.monotonic() + patience
    while time.monotonic() < until and note.is_alive:
        now = next(
            (one for one in _notes() if (one.pid, one.server) == (note.pid, note.server)), None
        )
        if now is not None and now.answers > before:
            return now.undone
        time.sleep(POLL_SECONDS)
    return None


def _notes() -> list[Note]:
    found = []
    for path in sorted(_folder().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Note(**json.loads(path.read_text(encoding="utf-8"))))
    return found


def _folder() -> Path:
    return state_folder() / "running"


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
