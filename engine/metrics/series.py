"""What one container has used, in bounded memory: the last minutes in detail, a day in outline."""

from array import array
from collections.abc import Iterator

import attrs

STEP = 5.0
"""Seconds between measurements of real containers."""
RECENT = 180
COARSE_STEP = 300.0
COARSE = 288


@attrs.frozen
class Sample:
    """Use at a time: millicores since the sample before, bytes."""

    at: float
    cpu: int
    memory: int


@attrs.define(eq=False)
class Ring:
    """The newest samples; about 24 bytes each."""

    limit: int
    _times: "array[float]" = attrs.field(factory=lambda: array("d"), init=False)
    _cpu: "array[int]" = attrs.field(factory=lambda: array("Q"), init=False)
    _memory: "array[int]" = attrs.field(factory=lambda: array("Q"), init=False)

    def add(self, sample: Sample) -> None:
        """Keep *sample*; the oldest goes if there is no room."""
        self._times.append(sample.at)
        self._cpu.append(sample.cpu)
        self._memory.append(sample.memory)
        if len(self._times) > self.limit:
            del self._times[0], self._cpu[0], self._memory[0]

    def __iter__(self) -> Iterator[Sample]:
        return map(Sample, self._times, self._cpu, self._memory)

    def newest(self) -> Iterator[Sample]:
        """The samples, the newest first."""
        return map(Sample, reversed(self._times), reversed(self._cpu), reversed(self._memory))


@attrs.define(eq=False)
class Series:
    """A quarter of an hour as measured, and means of five minutes for a day."""

    recent: Ring = attrs.field(factory=lambda: Ring(RECENT), init=False)
    coarse: Ring = attrs.field(factory=lambda: Ring(COARSE), init=False)
    _bucket: float = attrs.field(default=0.0, init=False)
    _sums: tuple[int, int, int] = attrs.field(default=(0, 0, 0), init=False)

    def add(self, sample: Sample) -> None:
        """Keep *sample*, which is younger than all before."""
        self.recent.add(sample)
        bucket = sample.at // COARSE_STEP * COARSE_STEP
        count, cpu, memory = self._sums
        if count and bucket > self._bucket:
            end = self._bucket + COARSE_STEP
            self.coarse.add(Sample(end, round(cpu / count), round(memory / count)))
            count = cpu = memory = 0
        self._bucket = bucket
        self._sums = (count + 1, cpu + sample.cpu, memory + sample.memory)

    def mean(self, since: float) -> Sample | None:
        """CPU as the mean after *since*, memory as it was last; None without a sample."""
        found = []
        for sample in self.recent.newest():
            if sample.at <= since:
                break
            found.append(sample)
        if not found:
            return None
        cpu = round(sum(sample.cpu for sample in found) / len(found))
        return Sample(found[0].at, cpu, found[0].memory)
