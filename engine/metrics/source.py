"""Where a node's figures come from: measured and kept, or modelled and worked out when asked."""

from collections.abc import Iterable
from typing import Protocol

import attrs

from engine.cri.status import ContainerUsage
from engine.metrics.series import COARSE, COARSE_STEP, STEP, Ring, Sample, Series

WINDOW = 15.0
"""Seconds over which a rate is taken: the resolution of metrics-server."""
FORGET = 60.0
"""Seconds after which a container that is measured no more is forgotten."""
STEPS = 60


class UsageSource(Protocol):
    """What the containers of one node use."""

    def usage_of(self, pod_uid: str, *, now: float) -> dict[str, Sample]:
        """By container: CPU as the mean of the last window, memory."""

    def totals(self, *, now: float) -> Sample | None:
        """The same for the whole node; None before anything was measured."""

    def history(self, pod_uid: str, *, now: float, is_coarse: bool) -> dict[str, list[Sample]]:
        """By container: samples, the oldest first."""

    def node_history(self, *, now: float, is_coarse: bool) -> list[Sample]:
        """The same for the whole node."""


class UsageModel(Protocol):
    """A runtime that can tell what its containers used at any time not long ago."""

    def usage_at(self, when: float, *, pod_uid: str = "") -> Iterable[ContainerUsage]:
        """What ran at *when* used then; of one pod if *pod_uid* is given."""


@attrs.define(eq=False)
class Measured:
    """Figures that were reported, in rings. Each report is of the whole node."""

    _series: dict[tuple[str, str], Series] = attrs.field(factory=dict, init=False)
    _seen: dict[tuple[str, str], float] = attrs.field(factory=dict, init=False)
    _node: Series = attrs.field(factory=Series, init=False)

    def report(self, at: float, usage: Iterable[ContainerUsage]) -> None:
        """Keep what was measured at *at*."""
        cpu = memory = 0
        for one in usage:
            key = (one.pod.uid, one.name)
            self._series.setdefault(key, Series()).add(Sample(at, one.cpu, one.memory))
            self._seen[key] = at
            cpu, memory = cpu + one.cpu, memory + one.memory
        self._node.add(Sample(at, cpu, memory))
        for key in [key for key, seen in self._seen.items() if seen < at - FORGET]:
            del self._series[key], self._seen[key]

    def usage_of(self, pod_uid: str, *, now: float) -> dict[str, Sample]:
        """By container: CPU as the mean of the last window, memory."""
        found = {}
        for name, series in self._of(pod_uid):
            sample = series.mean(now - WINDOW - STEP)
            if sample is not None:
                found[name] = sample
        return found

    def totals(self, *, now: float) -> Sample | None:
        """The node as a whole."""
        return self._node.mean(now - WINDOW - STEP)

    def history(self, pod_uid: str, *, now: float, is_coarse: bool) -> dict[str, list[Sample]]:
        """By container: samples, the oldest first."""
        del now
        return {
            name: list(series.coarse if is_coarse else series.recent)
            for name, series in self._of(pod_uid)
        }

    def node_history(self, *, now: float, is_coarse: bool) -> list[Sample]:
        """The same for the whole node."""
        del now
        ring: Ring = self._node.coarse if is_coarse else self._node.recent
        return list(ring)

    def _of(self, pod_uid: str) -> list[tuple[str, Series]]:
        return [(name, series) for (uid, name), series in self._series.items() if uid == pod_uid]


@attrs.define(eq=False)
class Modelled:
    """Figures of simulated containers: nothing is kept, so 150,000 pods cost nothing."""

    model: UsageModel
    since: float

    def usage_of(self, pod_uid: str, *, now: float) -> dict[str, Sample]:
        """By container, at the last full window."""
        at = now // WINDOW * WINDOW
        return {
            one.name: Sample(at, one.cpu, one.memory)
            for one in self.model.usage_at(at, pod_uid=pod_uid)
        }

    def totals(self, *, now: float) -> Sample | None:
        """The node as a whole."""
        return self._total(now // WINDOW * WINDOW)

    def history(self, pod_uid: str, *, now: float, is_coarse: bool) -> dict[str, list[Sample]]:
        """By container: samples, the oldest first."""
        found: dict[str, list[Sample]] = {}
        for at in self._times(now, is_coarse=is_coarse):
            for one in self.model.usage_at(at, pod_uid=pod_uid):
                found.setdefault(one.name, []).append(Sample(at, one.cpu, one.memory))
        return found

    def node_history(self, *, now: float, is_coarse: bool) -> list[Sample]:
        """The same for the whole node, of the containers that run now."""
        return [self._total(at) for at in self._times(now, is_coarse=is_coarse)]

    def _total(self, at: float) -> Sample:
        cpu = memory = 0
        for one in self.model.usage_at(at):
            cpu, memory = cpu + one.cpu, memory + one.memory
        return Sample(at, cpu, memory)

    def _times(self, now: float, *, is_coarse: bool) -> list[float]:
        step, count = (COARSE_STEP, COARSE) if is_coarse else (WINDOW, STEPS)
        last = now // step * step
        return [at for place in reversed(range(count)) if (at := last - place * step) >= self.since]
