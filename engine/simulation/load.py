"""How much CPU and memory a simulated container uses: a pure function of what, who and when."""

import zlib
from math import sin, tau

from engine.cri.commands import StartContainer
from engine.cri.status import ContainerUsage
from engine.simulation.behaviors import Behavior

PERIOD_SECONDS = 90.0
DEFAULT_CPU = 5  # millicores
DEFAULT_MEMORY = 24 * 2**20


def usage_of(command: StartContainer, behavior: Behavior, *, age: float) -> ContainerUsage:
    """What the container uses after running for *age* seconds.

    Unless its behaviour says otherwise: a slow wave around a fifth of the CPU it asked for and
    half of the memory, each container with a phase of its own; never beyond a limit.
    """
    resources = command.resources
    phase = zlib.crc32(f"{command.pod.uid}/{command.name}".encode()) / 2**32
    wave = sin(tau * (age / PERIOD_SECONDS + phase))
    if behavior.cpu is not None:
        cpu = behavior.cpu
    else:
        cpu = int((resources.cpu_request // 5 or DEFAULT_CPU) * (1 + 0.4 * wave))
    if behavior.memory is not None:
        memory = behavior.memory
    else:
        memory = int((resources.memory_request // 2 or DEFAULT_MEMORY) * (1 + 0.05 * wave))
    if resources.cpu_limit:
        cpu = min(cpu, resources.cpu_limit)
    if resources.memory_limit:
        memory = min(memory, resources.memory_limit)
    return ContainerUsage(pod=command.pod, name=command.name, cpu=cpu, memory=memory)
