"""Disturbs real containers and undoes it: once, also when we are killed meanwhile.

What is done to cgroups, processes, files, rules and interfaces is the business of its siblings.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import cattrs

from engine.adapters.network.disturbed import DisturbedPaths
from engine.adapters.network.slots import Slot
from engine.adapters.podman.disturbing import delays, disk, freezer, packets, stress
from engine.adapters.podman.disturbing.records import UndoRecords
from engine.adapters.podman.records import Container, Sandbox
from engine.adapters.podman.tasks import Tasks
from engine.cri.disturbance import (
    BurnCpu,
    BurnDisk,
    Disturbance,
    DisturbTraffic,
    FillDisk,
    Freeze,
    HoldMemory,
)
from engine.errors import AdapterError

log = logging.getLogger(__name__)


@attrs.define(eq=False)
class _Active:
    """A disturbance in force, with what its undoing needs."""

    disturbance: Disturbance
    undo: dict[str, Any] = attrs.field(factory=dict)
    folder: int = -1


@attrs.define(eq=False)
class Disturber:
    """The disturbances of one cluster.

    Promises:
        * they begin and end in the order asked for, one at a time;
        * what must be undone is on disk before it is done; `recover` undoes it after a crash;
        * `close` undoes all that is in force.

    Without privilege packets cannot be reached: then faults of the network are done to what our
    own proxy passes on, by *paths*.
    """

    folder: Path
    slot: Slot
    is_privileged: bool
    loop: asyncio.AbstractEventLoop
    paths: DisturbedPaths | None = attrs.field(default=None, init=False)
    _records: UndoRecords = attrs.field(init=False)
    _packets: packets.Packets = attrs.field(init=False)
    _delays: delays.Delays = attrs.field(init=False)
    _active: dict[str, _Active] = attrs.field(factory=dict, init=False)
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _tasks: Tasks = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._records = UndoRecords(self.folder)
        self._packets = packets.Packets(self.slot)
        self._delays = delays.Delays(self.slot)
        self._tasks = Tasks("disturber", self.loop)

    @property
    def count(self) -> int:
        """How many are in force."""
        return len(self._active)

    async def recover(self) -> int:
        """Undo what an earlier run of us left; how much there was."""
        if self.is_privileged:
            await self._packets.clear()
        return await undo_records(self.folder)

    def begin(
        self,
        disturbance: Disturbance,
        container: Container | None,
        sandbox: Sandbox | None,
        failed: Callable[[str], object],
    ) -> None:
        """Have it done; *failed* is called with the reason if it cannot be."""
        self._tasks.spawn(self._begin(disturbance, container, sandbox, failed))

    def end(self, disturbance_id: str) -> None:
        """Have it undone."""
        self._tasks.spawn(self._end(disturbance_id))

    def forget(self, pod_uid: str) -> None:
        """The pod is gone: undo what was done to it."""
        for disturbance_id, active in tuple(self._active.items()):
            if active.disturbance.pod.uid == pod_uid:
                self.end(disturbance_id)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self._tasks.settle()

    async def close(self) -> None:
        """Undo everything."""
        for disturbance_id in reversed(tuple(self._active)):
            self.end(disturbance_id)
        await self._tasks.settle()
        await self._delays.clear()
        if self.is_privileged:
            await self._packets.clear()

    async def _begin(
        self,
        disturbance: Disturbance,
        container: Container | None,
        sandbox: Sandbox | None,
        failed: Callable[[str], object],
    ) -> None:
        async with self._turn:
            name = name_of(disturbance.id)
            active = _Active(disturbance)
            try:
                await self._do(name, active, container, sandbox)
            except (AdapterError, OSError) as error:
                log.info("disturbance failed id=%s error=%s", disturbance.id, error)
                await self._undo(name, active)
                self._records.remove(name)
                failed(str(error))
                return
            self._active[disturbance.id] = active

    async def _do(
        self,
        name: str,
        active: _Active,
        container: Container | None,
        sandbox: Sandbox | None,
    ) -> None:
        disturbance = active.disturbance
        if isinstance(disturbance, DisturbTraffic):
            await self._disturb_traffic(name, active, disturbance, sandbox)
            return
        if container is None or not container.is_running or not container.pid:
            raise AdapterError("the container does not run any more")
        if not self.is_privileged:
            raise AdapterError("this needs root: the container's cgroup is not ours to change")
        match disturbance:
            case Freeze():
                switch = freezer.switch_of(container)
                active.undo["freeze"] = str(switch)
                self._records.write(name, active.undo)
                freezer.freeze(switch)
            case BurnCpu() | HoldMemory() | BurnDisk():
                active.undo["stress"] = True
                self._records.write(name, active.undo)
                await stress.start(disturbance, container, name)
            case FillDisk():
                await self._fill(name, active, disturbance, container)

    async def _fill(
        self, name: str, active: _Active, disturbance: FillDisk, container: Container
    ) -> None:
        file = f".kubarium-fill-{name}"
        active.folder = disk.open_folder(container, disturbance.path)
        place = f"/proc/{container.pid}/root/{disturbance.path.strip('/')}"
        active.undo["file"] = [place, file]
        self._records.write(name, active.undo)
        await asyncio.to_thread(disk.fill, active.folder, file, disturbance.bytes)

    async def _disturb_traffic(
        self, name: str, active: _Active, disturbance: DisturbTraffic, sandbox: Sandbox | None
    ) -> None:
        if not self.is_privileged:
            if self.paths is None:
                raise AdapterError("the pods' packets can only be reached as root on this machine")
            self.paths.begin(disturbance)
            return
        if disturbance.pod.uid and sandbox is None:
            raise AdapterError("the pod is gone")
        if disturbance.action in ("drop", "reset"):
            # Our table as a whole is removed at the next start: no record is needed.
            await self._packets.begin(name, disturbance)
        elif disturbance.action == "delay":
            number = await self._delays.reserve()
            active.undo["delay"] = attrs.asdict(disturbance)
            active.undo |= {"queue": number, "table": self._delays.is_table_ours}
            self._records.write(name, active.undo)
            await self._delays.begin(name, number, disturbance)
        else:
            if sandbox is None or not sandbox.interface:
                raise AdapterError("the pod has no interface of its own")
            active.undo["limit"] = [sandbox.interface, sandbox.pause, disturbance.direction]
            self._records.write(name, active.undo)
            await packets.limit(sandbox.interface, sandbox.pause, disturbance)

    async def _end(self, disturbance_id: str) -> None:
        async with self._turn:
            active = self._active.pop(disturbance_id, None)
            if active is None:
                return
            name = name_of(disturbance_id)
            await self._undo(name, active)
            self._records.remove(name)

    async def _undo(self, name: str, active: _Active) -> None:
        if self._delays.has(name):
            await self._delays.end(name)
            active.undo.pop("delay", None)
        if isinstance(active.disturbance, DisturbTraffic):
            if self.paths is not None:
                self.paths.end(active.disturbance.id)
            await self._packets.end(name)
        await undo_effect(name, active.undo, folder=active.folder)
        active.folder = -1


async def undo_records(folder: Path) -> int:
    """Undo all that the records in *folder* say, once; how much there was."""
    records = UndoRecords(folder)
    found = records.load()
    for name, undo in found.items():
        await undo_effect(name, undo)
        records.remove(name)
    return len(found)


async def undo_effect(name: str, undo: dict[str, Any], *, folder: int = -1) -> None:
    """Undo one effect as its record describes it; what is gone already needs nothing.

    *folder* is the open folder of a file that fills a disk, if there is one; it is closed.
    """
    if "freeze" in undo:
        freezer.thaw(Path(undo["freeze"]))
    if "stress" in undo:
        await stress.end(name)
    if "file" in undo:
        place, file = undo["file"]
        if folder < 0 and os.path.isdir(place):  # noqa: ASYNC240, PTH112 - local, and rare
            folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        if folder >= 0:
            disk.remove(folder, file)
            os.close(folder)
    if "limit" in undo:
        await packets.unlimit(*undo["limit"])
    if "delay" in undo:
        old = cattrs.structure(undo["delay"], DisturbTraffic)
        await delays.remove_rules(undo["queue"], old)
        if undo.get("table"):
            await delays.remove_table()


def name_of(disturbance_id: str) -> str:
    """A short name for rules, files and processes."""
    return hashlib.sha256(disturbance_id.encode()).hexdigest()[:16]
