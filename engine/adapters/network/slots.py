"""Network slots: which addresses, table and interface names a cluster on this host may use.

Several clusters run side by side; each holds one locked file, and the lock ends with its process.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import attrs

from engine.errors import AdapterError

COUNT = 12


@attrs.frozen(kw_only=True)
class SlotRecord:
    """Who holds or held a slot. With *is_kept* its containers are to survive its process."""

    instance: str
    state: str
    pid: int
    is_kept: bool = False


@attrs.define(eq=False)
class Slot:
    """The addresses and names of slot *number*; held until `release`, or this process ends."""

    number: int
    path: Path | None = None
    _descriptor: int = -1

    @property
    def pod_cidr(self) -> str:
        """All pod addresses of the cluster."""
        return f"10.{244 + self.number}.0.0/16"

    @property
    def service_cidr(self) -> str:
        """All virtual addresses of services."""
        return f"10.{96 + self.number}.0.0/16"

    @property
    def kubernetes_ip(self) -> str:
        """The address of the service `kubernetes`."""
        return f"10.{96 + self.number}.0.1"

    @property
    def dns_ip(self) -> str:
        """The address of the cluster's DNS service."""
        return f"10.{96 + self.number}.0.10"

    @property
    def table(self) -> str:
        """The name of the nftables table."""
        return f"kubarium_{self.number}"

    @property
    def veth_prefix(self) -> str:
        """What the names of the pods' host-side interfaces begin with."""
        return f"kv{self.number:x}"

    def node_pod_cidr(self, index: int) -> str:
        """The pod addresses of node *index*."""
        return f"10.{244 + self.number}.{index}.0/24"

    def node_address(self, index: int) -> str:
        """The address of node *index* itself."""
        return f"10.{64 + self.number}.0.{10 + index}"

    def release(self, *, is_kept: bool = False) -> None:
        """Give the slot back; with *is_kept* it waits for the same holder to come again."""
        if self._descriptor >= 0:
            if not is_kept:
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
        self._descriptor = -1


def slots_folder() -> Path:
    """Where the slot files are: one place for all of root's clusters, or all of this user's."""
    if os.geteuid() == 0:
        return Path("/run/kubarium/slots")
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/kubarium-{os.getuid()}"  # noqa: S108
    return Path(runtime) / "kubarium" / "slots"


def acquire(record: SlotRecord, *, folder: Path | None = None) -> Slot:
    """Take a slot for *record*: the one it had before, else a free one.

    A slot whose holder is dead and did not ask to be kept is given to others only after
    `abandoned` has shown it, and `forget` was called, because its containers may still run.

    Raises:
        AdapterError: all slots are taken; the message says by whom.
    """
    folder = folder or slots_folder()
    folder.mkdir(parents=True, exist_ok=True)
    holders = [read_record(folder / str(number)) for number in range(COUNT)]
    order = sorted(range(COUNT), key=lambda n: (not _is_same(holders[n], record), n))
    for number in order:
        holder = holders[number]
        if holder is not None and not _is_same(holder, record):
            continue
        path = folder / str(number)
        descriptor = _lock(path)
        if descriptor is None:
            continue
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(attrs.asdict(record)).encode(), 0)
        return Slot(number, path, descriptor)
    names = ", ".join(f"{n}: {holder.state}" for n, holder in enumerate(holders) if holder)
    raise AdapterError(f"all {COUNT} network slots in {folder} are taken ({names})")


def abandoned(folder: Path | None = None) -> Iterator[tuple[Path, SlotRecord]]:
    """The slots whose holders ended without cleaning up, unless they are kept and still there.

    Each is locked while the caller looks at it; `forget` its path once nothing of it is left.
    """
    folder = folder or slots_folder()
    for number in range(COUNT):
        path = folder / str(number)
        record = read_record(path)
        if record is None or (record.is_kept and Path(record.state).exists()):
            continue
        descriptor = _lock(path)
        if descriptor is None:
            continue
        try:
            yield path, record
        finally:
            os.close(descriptor)


def forget(path: Path) -> None:
    """Empty an abandoned slot's file, so that the slot is free."""
    path.write_bytes(b"")


def read_record(path: Path) -> SlotRecord | None:
    """Who the slot file *path* names; None for nobody."""
    try:
        return SlotRecord(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _is_same(holder: SlotRecord | None, record: SlotRecord) -> bool:
    return holder is not None and (holder.instance, holder.state) == (record.instance, record.state)


def _lock(path: Path) -> int | None:
    """An open, locked descriptor of *path*, or None if someone holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
