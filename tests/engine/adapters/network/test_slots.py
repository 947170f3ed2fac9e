"""Network slots."""

from pathlib import Path

import attrs
import pytest

from engine.adapters.network.slots import (
    COUNT,
    SlotRecord,
    abandoned,
    acquire,
    forget,
    host_networks,
)
from engine.errors import AdapterError


def record(name: str, *, is_kept: bool = False) -> SlotRecord:
    """The record of a cluster."""
    return SlotRecord(instance=name, state=f"/state/{name}", pid=1, is_kept=is_kept)


def test_clusters_side_by_side_share_nothing(tmp_path: Path) -> None:
    """Two slots have no address, table or interface name in common."""
    first, second = (acquire(record(name), folder=tmp_path) for name in "ab")

    assert first.pod_cidr == "10.244.0.0/16"
    assert second.pod_cidr == "10.245.0.0/16"
    assert first.table != second.table
    assert first.veth_prefix != second.veth_prefix
    first.release()
    second.release()


def test_released_slot_is_free(tmp_path: Path) -> None:
    """Who comes next gets the same number."""
    first = acquire(record("a"), folder=tmp_path)
    first.release()

    second = acquire(record("b"), folder=tmp_path)

    assert second.number == first.number
    second.release()


def test_kept_slot_waits_for_its_holder(tmp_path: Path) -> None:
    """A cluster that comes back gets its addresses back; others do not get them meanwhile."""
    acquire(record("z"), folder=tmp_path).release(is_kept=True)
    kept = acquire(record("a", is_kept=True), folder=tmp_path)
    kept.release(is_kept=True)

    other = acquire(record("b"), folder=tmp_path)
    again = acquire(record("a", is_kept=True), folder=tmp_path)

    assert other.number != kept.number
    assert again.number == kept.number
    other.release()
    again.release()


def test_slot_of_a_dead_holder_is_shown_until_forgotten(tmp_path: Path) -> None:
    """Nobody gets its addresses before its containers have been removed."""
    dead = acquire(record("dead"), folder=tmp_path)
    dead.release(is_kept=True)  # the lock goes with the process, the record stays

    (found,) = abandoned(tmp_path)
    other = acquire(record("b"), folder=tmp_path)
    forget(found[0])
    left = list(abandoned(tmp_path))
    after = acquire(record("c"), folder=tmp_path)

    assert found[1] == record("dead")
    assert other.number != dead.number
    assert left == []
    assert after.number == dead.number
    other.release()
    after.release()


def test_living_and_kept_holders_are_not_abandoned(tmp_path: Path) -> None:
    """Only what died, and was not to be kept, is for others to clean up."""
    living = acquire(record("living"), folder=tmp_path)
    here = attrs.evolve(record("kept", is_kept=True), state=str(tmp_path))
    acquire(here, folder=tmp_path).release(is_kept=True)

    assert list(abandoned(tmp_path)) == []
    living.release()


def test_all_taken_says_by_whom(tmp_path: Path) -> None:
    """The error names the holders, so that one can be stopped."""
    slots = [
        acquire(record(f"c{number}"), folder=tmp_path, is_in_use=lambda _slot: False)
        for number in range(COUNT)
    ]

    with pytest.raises(AdapterError, match="/state/c3"):
        acquire(record("late"), folder=tmp_path, is_in_use=lambda _slot: False)

    for slot in slots:
        slot.release()


def test_the_hosts_own_networks_are_known() -> None:
    """So that no slot takes addresses the host needs; default routes and ours do not count."""
    routes = (
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t0000F70A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        "kv00102\t0201F40A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"
        "*\t0000F40A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )

    found = host_networks(routes, "search lan\nnameserver 10.255.255.53\nnameserver fe80::1\n")

    assert [str(network) for network in found] == ["10.247.0.0/16", "10.255.255.53/32"]
