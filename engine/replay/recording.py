"""Puts a host's run down: what its cluster is made of, and every input from outside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.pki import identity_text
from engine.cluster import Cluster
from engine.cri.runtime import Runtime
from engine.errors import ConfigError
from engine.kernel.journal import Entry
from engine.replay.journal_file import JournalWriter
from engine.replay.values import to_data
from engine.simulation.runtime import SimulatedRuntime

_NOT_KEPT = ("http/", "tui/")
"""Channels that change nothing: watches that open, close and catch up."""


@attrs.define(eq=False, repr=False)
class Recording:
    """One run being put down. Begin before the cluster starts, close when it has stopped."""

    cluster: Cluster
    writer: JournalWriter
    _real: dict[str, Runtime] = attrs.field(factory=dict)
    _last: dict[str, tuple[Any, Any]] = attrs.field(factory=dict, init=False)

    @classmethod
    def begin(
        cls, path: Path, cluster: Cluster, *, scenario: Mapping[str, Any] | None
    ) -> "Recording":
        """Put down *cluster*, which has not started yet.

        Raises:
            ConfigError: the file cannot be written, or the cluster goes on with a stored history.
        """
        if cluster.store.revision > 1:
            raise ConfigError("--journal begins with a new cluster; leave --data and --store away")
        real = {
            name: parts.runtime
            for name, parts in cluster.nodes.items()
            if not isinstance(_inner(parts.runtime), SimulatedRuntime)
        }
        header: dict[str, Any] = {
            "config": to_data(cluster.config),
            "keys": identity_text(cluster.server.identity),
            "real": {name: to_data(runtime.info()) for name, runtime in real.items()},
            "start": cluster.loop.now.hex(),
            "storage": cluster.make_storage is not None,
        }
        if scenario is not None:
            header["scenario"] = dict(scenario)
        made = cls(cluster, JournalWriter.open(path, cluster.store, header), real)
        cluster.journal.tap = made.tap
        return made

    def tap(self, entry: Entry) -> None:
        """Put down one input, after what has changed beside it."""
        if entry.channel.startswith(_NOT_KEPT):
            return
        payload = entry.payload
        if entry.channel == "load":
            payload = (payload[0].load.metadata.uid, payload[1])
        elif entry.channel == "tui" and payload[0] == "watch":
            return
        self._states(entry.time)
        self.writer.note(entry.channel, payload, time=entry.time)

    def note(self, what: str, payload: Any) -> None:
        """Put down what the host does to the cluster itself: publish, demo."""
        self.writer.note(f"replay/{what}", payload, time=self.cluster.loop.now)

    def close(self) -> None:
        """The run has ended."""
        self.cluster.journal.tap = None
        self.writer.close(time=self.cluster.loop.now)

    def _states(self, time: float) -> None:
        """Images and usage of real nodes are asked for, not told: put down what is new."""
        for name, runtime in self._real.items():
            now = (runtime.list_images(), runtime.usage())
            if self._last.get(name) != now:
                self._last[name] = now
                self.writer.note("replay/state", (name, *now), time=time)


def _inner(runtime: Any) -> Any:
    return getattr(runtime, "runtime", runtime)
