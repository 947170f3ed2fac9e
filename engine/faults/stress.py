"""Faults that use up what containers have: CPU, memory, disk."""

from collections.abc import Callable

from engine.api.kubarium import Fault
from engine.cri.disturbance import BurnCpu, BurnDisk, Disturbance, FillDisk, HoldMemory
from engine.faults.fault import FaultError, Levers, Recovery, Target, settings
from engine.faults.pod import Hit, disturb_all, running


def burn_cpu(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Keep CPUs busy."""
    given = settings(fault)
    workers, load = int(given["workers"]), float(given["load"])

    def make(hit: Hit) -> Disturbance:
        return BurnCpu(
            id="", pod=hit.identity, container_id=hit.container_id, workers=workers, load=load
        )

    return _each(fault, target, levers, make)


def hold_memory(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Hold memory."""
    size = int(settings(fault)["bytes"])

    def make(hit: Hit) -> Disturbance:
        return HoldMemory(id="", pod=hit.identity, container_id=hit.container_id, bytes=size)

    return _each(fault, target, levers, make)


def burn_disk(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Keep the disk busy."""
    workers = int(settings(fault)["workers"])

    def make(hit: Hit) -> Disturbance:
        return BurnDisk(id="", pod=hit.identity, container_id=hit.container_id, workers=workers)

    return _each(fault, target, levers, make)


def fill_disk(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Fill the disk."""
    given = settings(fault)
    path, size = str(given["path"]), int(given["bytes"])
    if not path.startswith("/") or ".." in path.split("/"):
        raise FaultError(f"params.path must be an absolute path in the container, not {path!r}")

    def make(hit: Hit) -> Disturbance:
        return FillDisk(
            id="", pod=hit.identity, container_id=hit.container_id, path=path, bytes=size
        )

    return _each(fault, target, levers, make)


def _each(
    fault: Fault, target: Target, levers: Levers, make: Callable[[Hit], Disturbance]
) -> Recovery:
    hits = running(fault, target, levers)
    return disturb_all([(hit.node, make(hit)) for hit in hits], fault)
