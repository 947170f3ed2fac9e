"""A session that is being recorded: from what people do to a file that `kubarium play` takes."""

from collections.abc import Callable
from pathlib import Path

import attrs

from engine.errors import ConfigError
from engine.host import Host
from engine.scenario.loader import parse_scenario
from engine.scenario.recorder import Recorder
from engine.scenario.standing import standing


@attrs.define(eq=False, repr=False)
class Recording:
    """Follows *host* from `begin` to `stop`; the file is written in the end."""

    host: Host
    file: Path
    title: str = "A recorded session"
    recorder: Recorder = attrs.field(init=False)
    _forget: Callable[[], None] = attrs.field(init=False)

    def begin(self, *, has_before: bool) -> None:
        """Record what comes from outside; *has_before*: begin with what people have made so far.

        Raises:
            ConfigError: there is no folder for the file.
        """
        self.file = self.file.expanduser()
        folder = self.file.absolute().parent
        if not folder.is_dir():
            raise ConfigError(f"{self.file} cannot be written: there is no folder {folder}")
        cluster = self.host.cluster
        name = self.file.stem.lower().replace(" ", "-")
        self.recorder = Recorder(cluster, name=name, title=self.title)
        if has_before:
            self.recorder.begin_with(standing(cluster.admin))
        self._forget = self.host.listen_to_inputs(self.recorder.tap)
        cluster.journal.answered = self.recorder.answered

    def stop(self) -> str:
        """Write the file; what became of it, in words.

        Raises:
            ConfigError: it cannot be written.
        """
        self._forget()
        self.host.cluster.journal.answered = None
        text = self.recorder.text()
        parse_scenario(text, name=str(self.file))
        try:
            self.file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{self.file} cannot be written: {error.strerror}") from error
        return f"recorded {len(self.recorder.steps)} steps to {self.file}"
