"""Network slots: which addresses, table and interface names a cluster on this host may use.

Several clusters run side by side; each holds one locked file, and the lock ends with its process.
"""

import fcntl
import ipaddress
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from engine.adapters.places import runtime_folder
from engine.errors import AdapterError

COUNT = 12
ROUTES = Path("/proc/net/route")
RESOLV = Path("/etc/resolv.conf")


@attrs.frozen(kw_only=True)
class SlotRecord:
    """Who holds or held a slot. With *is_kept* its containers are to survive its process.

    *address* is the Podman service it was told to use; empty for one of its own.
    """

    instance: str
    state: str
    pid: int
    is_kept: bool = False
    address: str = ""


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

    def veth_name(self, ip: str) -> str:
        """The name of the host-side interface of the pod with address *ip*."""
        return self.veth_prefix + "".join(f"{int(part):02x}" for part in ip.split(".")[2:])

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
    return runtime_folder() / "slots"


def acquire(
    record: SlotRecord,
    *,
    folder: Path | None = None,
    is_in_use: Callable[[Slot], bool] | None = None,
) -> Slot:
    """Take a slot for *record*: the one it had before, else a free one.

    Slots whose addresses the host itself has routes or resolvers in (*is_in_use*) are passed over.

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
        if holder is None and (is_in_use or is_used_by_host)(Slot(number)):
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


def is_used_by_host(slot: Slot) -> bool:
    """Whether the host itself has routes or resolvers among the slot's addresses."""
    ours = [
        ipaddress.ip_network(cidr)
        for cidr in (slot.pod_cidr, slot.service_cidr, f"10.{64 + slot.number}.0.0/16")
    ]
    theirs = host_networks(ROUTES.read_text(), RESOLV.read_text(errors="replace"))
    return any(mine.overlaps(other) for mine in ours for other in theirs)


def host_networks(routes: str, resolv: str) -> list[ipaddress.IPv4Network]:
    """What the host reaches by routes of its own (not by default, not by ours), and its resolvers.

    *routes* is the text of /proc/net/route, *resolv* that of /etc/resolv.conf.
    """
    found = []
    for line in routes.splitlines()[1:]:
        link, destination, *rest = line.split()
        mask = rest[5]
        if link != "*" and not link.startswith("kv") and int(mask, 16):
            found.append(ipaddress.ip_network(f"{_dotted(destination)}/{_dotted(mask)}"))
    for line in resolv.splitlines():
        words = line.split()
        if words[:1] == ["nameserver"] and len(words) > 1 and ":" not in words[1]:
            found.append(ipaddress.ip_network(words[1]))
    return [network for network in found if isinstance(network, ipaddress.IPv4Network)]


def _dotted(little_endian: str) -> str:
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(little_endian)))


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
