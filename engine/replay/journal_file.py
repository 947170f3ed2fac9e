"""A run's inputs as a file: a header, one JSON line for each input, and digests of the history.

The header and the inputs hold keys and secrets; the file is readable for its owner alone.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import attrs

from engine.api.codec import encode_json
from engine.errors import ConfigError
from engine.kernel.journal import Entry
from engine.replay.values import ValueProblem, to_data
from engine.store.watchable_store import Store

FORMAT = "kubarium.journal/1"


@attrs.frozen(kw_only=True)
class Line:
    """One input: entered at *time* when the store was at *revision*."""

    time: float
    revision: int
    channel: str
    payload: Any


@attrs.frozen(kw_only=True)
class Recorded:
    """A journal as read. *problem* says why it ends before its end, if it does.

    *digests* has a digest of each revision; *end* is the time and the revision it ended at.
    """

    header: Mapping[str, Any]
    lines: tuple[Line, ...]
    digests: Mapping[int, str]
    end: tuple[float, int] | None
    problem: str = ""


def digest_of(changes: Any) -> str:
    """A short digest of one revision's changes: keys and values."""
    digest = hashlib.sha256()
    for change in changes:
        value = b"" if change.kv.value is None else encode_json(change.kv.value)
        digest.update(b"%d %s %s\n" % (change.revision, change.kv.key, value))
    return digest.hexdigest()[:16]


@attrs.define(eq=False, repr=False)
class JournalWriter:
    """Writes while the run goes on; what is on disk is a journal at any time."""

    file: IO[str]
    store: Store[Any]
    is_failed: bool = attrs.field(default=False, init=False)

    @classmethod
    def open(cls, path: Path, store: Store[Any], header: Mapping[str, Any]) -> "JournalWriter":
        """Begin a journal at *path*, in place of what is there.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            path.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            file = os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"--journal {path}: {error.strerror}") from error
        writer = cls(file, store)
        writer._put({"format": FORMAT, **header})
        store.watch(b"/", b"0", deliver=writer._record)
        return writer

    def tap(self, entry: Entry) -> None:
        """Put down one input."""
        self.note(entry.channel, entry.payload, time=entry.time)

    def note(self, channel: str, payload: Any, *, time: float) -> None:
        """Put down something that came in beside the journal."""
        try:
            data = to_data(payload)
        except ValueProblem as error:
            self._put({"t": time.hex(), "r": self.store.revision, "c": channel, "x": str(error)})
            return
        self._put({"t": time.hex(), "r": self.store.revision, "c": channel, "p": data})

    def close(self, *, time: float) -> None:
        """Say where the run ended."""
        self._put({"end": time.hex(), "r": self.store.revision})
        self.file.close()

    def _record(self, batch: Any) -> None:
        by_revision: dict[int, list[Any]] = {}
        for change in batch.changes:
            by_revision.setdefault(change.revision, []).append(change)
        for revision, changes in by_revision.items():
            self._put({"d": revision, "h": digest_of(changes)})

    def _put(self, data: Mapping[str, Any]) -> None:
        if self.file.closed or self.is_failed:
            return
        try:
            self.file.write(json.dumps(data, separators=(",", ":")) + "\n")
            self.file.flush()
        except OSError:
            # A full disk ends the journal, not the cluster.
            self.is_failed = True


def read_journal(path: Path) -> Recorded:  # noqa: C901 - one case a kind of line
    """The journal at *path*, up to where it is whole.

    Raises:
        ConfigError: it cannot be read, is no journal, or is one of another version.
    """
    try:
        rows = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no journal: not UTF-8 text") from error
    try:
        header = json.loads(rows[0])
        found = header.get("format")
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{path}:1: is no journal: its first line is no header") from error
    if found != FORMAT:
        said = f"is of format {found!r}" if found else "says no format"
        raise ConfigError(f"{path}:1: {said}; this Kubarium replays {FORMAT}: record it anew")
    lines: list[Line] = []
    digests: dict[int, str] = {}
    end, problem = None, ""
    for number, row in enumerate(rows[1:], 2):
        if not row:
            continue
        try:
            data = json.loads(row)
            if "d" in data:
                digests[int(data["d"])] = str(data["h"])
            elif "end" in data:
                end = (float.fromhex(data["end"]), int(data["r"]))
            elif "x" in data:
                problem = (
                    f"{path}:{number}: an input of {data['c']} cannot be replayed: {data['x']}"
                )
                break
            else:
                lines.append(
                    Line(
                        time=float.fromhex(data["t"]),
                        revision=int(data["r"]),
                        channel=str(data["c"]),
                        payload=data["p"],
                    )
                )
        except (ValueError, KeyError, TypeError, AttributeError):
            problem = f"{path}:{number}: the journal is cut off or damaged here"
            break
    if end is None and not problem:
        problem = (
            f"{path}:{len(rows)}: the journal has no end: the run was killed, or it still goes on"
        )
    return Recorded(header=header, lines=tuple(lines), digests=digests, end=end, problem=problem)
