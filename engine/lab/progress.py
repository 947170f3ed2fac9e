"""Where learners' progress is kept: a JSON file per lab in the state directory, replaced whole."""

import json
from pathlib import Path

import attrs

from engine.lab.schema import LabError
from engine.lab.state import LabState, from_json


@attrs.frozen
class Progress:
    """The progress files below *folder*, one folder per learner."""

    folder: Path

    def path(self, learner: str, lab: str) -> Path:
        """Where the progress of one lab is."""
        return self.folder / _plain(learner) / f"{_plain(lab)}.json"

    def load(self, learner: str, lab: str) -> LabState | None:
        """What was reached; None before the first start.

        Raises:
            LabError: the file is damaged; the message names it.
        """
        path = self.path(learner, lab)
        try:
            return from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LabError(
                f"{path}: the progress cannot be read ({error}); delete the file to begin anew"
            ) from error

    def save(self, state: LabState) -> None:
        """Keep *state*; a crash leaves the old file or the new one.

        Raises:
            LabError: it cannot be written.
        """
        path = self.path(state.learner, state.lab)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            new.write_text(json.dumps(state.as_json(), indent=1, ensure_ascii=False) + "\n")
            new.replace(path)
        except OSError as error:
            raise LabError(f"{path}: the progress cannot be written: {error.strerror}") from error

    def all(self, learner: str = "") -> list[LabState]:
        """All progress there is, of one learner if one is named; what is damaged is left out."""
        found = []
        for path in sorted(self.folder.glob(f"{_plain(learner) if learner else '*'}/*.json")):
            try:
                found.append(from_json(json.loads(path.read_text(encoding="utf-8"))))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    # What another terminal asks of a running lab

    def ask(self, learner: str, lab: str, words: list[str]) -> None:
        """Leave *words* for the running lab."""
        path = self.path(learner, lab).with_suffix(".ask")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(words) + "\n")

    def asked(self, learner: str, lab: str) -> list[list[str]]:
        """What was left since the last time, oldest first; it is taken away."""
        path = self.path(learner, lab).with_suffix(".ask")
        if not path.exists():
            return []
        taken = path.with_suffix(".taken")
        path.replace(taken)
        lines = taken.read_text(encoding="utf-8").splitlines()
        taken.unlink()
        return [json.loads(line) for line in lines]

    def reply(self, learner: str, lab: str, reply: tuple[bool, str]) -> None:
        """Tell who asked whether it could be done, and what came of it."""
        path = self.path(learner, lab).with_suffix(".answer")
        path.write_text(json.dumps(reply), encoding="utf-8")


def _plain(name: str) -> str:
    """A name that is safe as a file's: no separators, not hidden."""
    kept = "".join(sign if sign.isalnum() or sign in "-_.@" else "_" for sign in name)
    return kept.lstrip(".") or "_"
