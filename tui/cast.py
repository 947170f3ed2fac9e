"""Recordings for asciinema (format 2): a header, then one JSON line for each piece of output."""

import json
import time
from pathlib import Path
from typing import IO

from engine.scenario.schema import ScenarioError

CLEAR = "\x1b[H"


class Cast:
    """A recording that grows while it is made, so that one that is cut off can be played."""

    def __init__(self, path: Path, *, width: int = 160, height: int = 50) -> None:
        try:
            self._file: IO[str] = path.open("w", encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"{path} cannot be written: {error.strerror}") from error
        self._began: float | None = None
        self._last = ""
        self._size = (width, height)
        self._put({"version": 2, "width": width, "height": height, "title": "Kubarium"})

    def write(self, text: str, *, at: float | None = None) -> None:
        """Put down output at the time *at* (seconds of any clock; the wall's by default)."""
        now = time.monotonic() if at is None else at
        if self._began is None:
            self._began = now
        self._put([round(now - self._began, 3), "o", text])

    def screen(self, frame: str) -> None:
        """Put down a whole screen, if it is another than the last."""
        if frame != self._last:
            self._last = frame
            self.write(CLEAR + frame.replace("\n", "\r\n"))

    def close(self) -> None:
        """End the recording."""
        self._file.close()

    def _put(self, entry: object) -> None:
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._file.flush()
