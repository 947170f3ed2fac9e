"""The host's part of a cluster's network: node addresses, routes, sysctls, and how all of it goes.

It knows addresses and the slot; not services.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import re
import socket
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from engine.adapters.network.nft import NftError, open_nft
from engine.adapters.network.nftables import remove_table
from engine.adapters.network.slots import COUNT, Slot
from engine.adapters.network.tables import table_names
from engine.adapters.places import runtime_folder
from engine.errors import AdapterError

log = logging.getLogger(__name__)

SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    # Node ports on 127.0.0.1 lead to pods; the sink's table drops what pods send to 127/8.
    "net.ipv4.conf.all.route_localnet": "1",
}
RECORD = runtime_folder() / "sysctls.json"
COMMAND_SECONDS = 10.0


@attrs.define(eq=False, kw_only=True)
class HostNetwork:
    """Addresses and routes of one cluster on this host, all on one link.

    The link is a veth pair both ends of which are here: unlike a dummy link every kernel that has
    pods has it.

    Service addresses are routed to the link, so that what no rule translates ends there and the
    host's own packets get a node's address as their source. Deleting the link takes it all away.

    Promises:
        * `open` begins anew, whatever an earlier run left;
        * `close` takes away link, routes and addresses, and gives the sysctls their old values when
          this was the last cluster that needed them.
    """

    slot: Slot
    record: Path = RECORD

    @property
    def link(self) -> str:
        """The name of the link."""
        return link_name(self.slot)

    async def open(self, addresses: Sequence[str], own: Sequence[str] = ()) -> None:
        """Set everything up.

        Args:
            addresses: of the nodes; the first is the source of what the host sends to services.
            own: service addresses this host answers itself.

        Raises:
            AdapterError: the system refuses; the message is its own.
        """
        remove_link(self.slot)
        with _locked(self.record):
            _set_sysctls(self.record)
        peer = f"{self.link}p"
        lines = [f"link add {self.link} type veth peer name {peer}"]
        lines += [f"link set {self.link} up", f"link set {peer} up"]
        lines += [f"addr add {address}/32 dev {self.link}" for address in (*addresses, *own)]
        source = f" src {addresses[0]}" if addresses else ""
        lines += [
            f"route replace {self.slot.service_cidr} dev {self.link} scope link{source}",
            f"route replace blackhole {self.slot.pod_cidr}",
        ]
        await asyncio.to_thread(_ip_batch, lines)

    async def close(self) -> None:
        """Take everything away. Closing twice is allowed."""
        await asyncio.to_thread(clean_slot, self.slot, record=self.record)


def link_name(slot: Slot) -> str:
    """The name of the slot's link: never one of a pod, those end in hexadecimal digits."""
    return f"{slot.veth_prefix}nodes"


def clean_slot(slot: Slot, *, record: Path = RECORD) -> None:
    """Take away all of *slot*: after its cluster has stopped, or was killed."""
    remove_link(slot)
    _ip("route", "del", "blackhole", slot.pod_cidr)
    try:
        nft = open_nft()
    except AdapterError:
        nft = None
    if nft is not None:
        with contextlib.suppress(NftError):
            remove_table(nft, slot.table)
        for suffix in ("faults", "near"):
            with contextlib.suppress(NftError):
                remove_table(nft, f"{slot.table}_{suffix}")
        with contextlib.suppress(NftError):
            for name in table_names(nft, f"{slot.table}_still_"):
                remove_table(nft, name)
        nft.close()
    with _locked(record):
        if not any(_exists(link_name(Slot(number))) for number in range(COUNT)):
            _restore_sysctls(record)


def remove_link(slot: Slot) -> None:
    """Remove the slot's link with its addresses and routes, if it is there."""
    if _exists(link_name(slot)):
        _ip("link", "del", link_name(slot))


def remove_pod_links(slot: Slot, *, kept: Collection[str] = ()) -> None:
    """Remove the host's ends of the pods' interfaces, all but those *kept*: what runs goes offline.

    The kernel would do it too, in its own time, when the last process of each pod has ended.
    """
    ours = re.compile(slot.veth_prefix + "[0-9a-f]{4}")
    for _, name in socket.if_nameindex():
        if ours.fullmatch(name) and name not in kept:
            _ip("link", "del", name)


def _set_sysctls(record: Path) -> None:
    """Set what differs and note the value it had, unless another cluster has noted it."""
    before = _read_record(record)
    for name, value in SYSCTLS.items():
        current = _sysctl(name).read_text().strip()
        if current == value:
            continue
        before.setdefault(name, current)
        try:
            _sysctl(name).write_text(value)
        except OSError as error:
            raise AdapterError(f"sysctl {name} cannot be set to {value}: {error}") from error
    record.write_text(json.dumps(before))


def _restore_sysctls(record: Path) -> None:
    for name, value in _read_record(record).items():
        if _sysctl(name).read_text().strip() == SYSCTLS.get(name):
            with contextlib.suppress(OSError):
                _sysctl(name).write_text(value)
    record.unlink(missing_ok=True)


def _read_record(record: Path) -> dict[str, str]:
    try:
        found: Mapping[str, str] = json.loads(record.read_text())
    except (OSError, ValueError):
        return {}
    return dict(found)


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name.replace(".", "/")


@contextlib.contextmanager
def _locked(record: Path) -> Iterator[None]:
    """Keep other clusters from changing sysctls meanwhile."""
    record.parent.mkdir(parents=True, exist_ok=True)
    with record.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _exists(link: str) -> bool:
    return _ip("link", "show", "dev", link) == 0


def _ip(*arguments: str) -> int:
    """The exit code of `ip`; what it complains about is not of interest here."""
    done = subprocess.run(  # noqa: S603 - our own arguments
        ["ip", *arguments],  # noqa: S607 - wherever the distribution has it
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return done.returncode


def _ip_batch(lines: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            ["ip", "-batch", "-"],  # noqa: S607 - wherever the distribution has it
            input="\n".join(lines).encode() + b"\n",
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AdapterError(f"the host's network: {error}") from error
    if done.returncode:
        raise AdapterError(f"the host's network: {done.stderr.decode(errors='replace').strip()}")
