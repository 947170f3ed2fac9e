"""How much CPU and memory a simulated container uses: a pure function of what, who and when."""

import zlib
from collections import deque
from math import sin, tau

import attrs

from engine.cri.commands import StartContainer
from engine.cri.status import ContainerUsage
from engine.simulation.behaviors import Behavior

PERIOD_SECONDS = 90.0
DEFAULT_CPU = 5  # millicores
DEFAULT_MEMORY = 24 * 2**20

WINDOW_SECONDS = 15.0
KEPT = 90
REQUEST_MILLIS = 10.0  # milliseconds of CPU that a request costs unless its target says otherwise


@attrs.define(eq=False)
class Work:
    """CPU time spent on what others asked for: requests, calculations. A quarter of an hour."""

    _spent: deque[tuple[float, float]] = attrs.field(factory=lambda: deque(maxlen=KEPT), init=False)

    def add(self, at: float, millis: float) -> None:
        """*millis* thousandths of a second of CPU were spent around *at*."""
        bucket = at // 10.0 * 10.0
        if self._spent and self._spent[-1][0] >= bucket:
            millis += self._spent.pop()[1]
        self._spent.append((bucket, millis))

    def spend(self, since: float, seconds: float, cores: float) -> None:
        """*cores* will be busy for *seconds* from *since* on."""
        until = since + min(seconds, KEPT * 10.0)
        while since < until:
            end = min(until, since // 10.0 * 10.0 + 10.0)
            self._put(since // 10.0 * 10.0, (end - since) * cores * 1000.0)
            since = end

    def rate(self, when: float) -> int:
        """Millicores in the window before *when*."""
        total = 0.0
        for bucket, millis in self._spent:
            overlap = min(when, bucket + 10.0) - max(when - WINDOW_SECONDS, bucket)
            if overlap > 0:
                total += millis * overlap / 10.0
        return round(total / WINDOW_SECONDS)

    def _put(self, bucket: float, millis: float) -> None:
        for place, (at, before) in enumerate(self._spent):
            if at == bucket:
                self._spent[place] = (at, before + millis)
                return
        self._spent.append((bucket, millis))


def usage_of(
    command: StartContainer, behavior: Behavior, *, age: float, busy: int | None = None
) -> ContainerUsage:
    """What the container uses after running for *age* seconds.

    Unless its behaviour says otherwise: a slow wave around a fifth of the CPU it asked for and
    half of the memory, each container with a phase of its own. One whose CPU follows its work uses
    *busy* millicores for that and next to nothing besides. Never beyond a limit.
    """
    resources = command.resources
    phase = zlib.crc32(f"{command.pod.uid}/{command.name}".encode()) / 2**32
    wave = sin(tau * (age / PERIOD_SECONDS + phase))
    if behavior.cpu is not None:
        cpu = behavior.cpu
    else:
        usual = resources.cpu_request // 5 if busy is None else 0
        cpu = int((usual or DEFAULT_CPU) * (1 + 0.4 * wave))
    if behavior.memory is not None:
        memory = behavior.memory
    else:
        memory = int((resources.memory_request // 2 or DEFAULT_MEMORY) * (1 + 0.05 * wave))
    cpu += busy or 0
    if resources.cpu_limit:
        cpu = min(cpu, resources.cpu_limit)
    if resources.memory_limit:
        memory = min(memory, resources.memory_limit)
    return ContainerUsage(pod=command.pod, name=command.name, cpu=cpu, memory=memory)
