"""All invariants there are, in the order in which they are checked."""

from engine.faults.invariants.budgets import BudgetsHold
from engine.faults.invariants.pods import (
    ContainersAreKnown,
    NodeFits,
    OneOfEachOrdinal,
    PodStays,
    QuotaHolds,
    Running,
)
from engine.faults.invariants.violation import Invariant
from engine.faults.invariants.volumes import OneMountNode
from engine.faults.invariants.watching import OrderedWatch
from engine.faults.invariants.workloads import (
    AddressesUnique,
    EndpointsReady,
    NoOrphans,
    RolloutBounds,
)
from engine.faults.invariants.writers import OneWriter

ANY = "*"
"""Names every invariant."""


def make_invariants(running: Running) -> tuple[Invariant, ...]:
    """A new one of each; *running* says what runs on the nodes."""
    return (
        OrderedWatch(),
        NodeFits(),
        PodStays(),
        OneWriter(),
        RolloutBounds(),
        OneOfEachOrdinal(running),
        EndpointsReady(),
        BudgetsHold(),
        QuotaHolds(),
        NoOrphans(),
        AddressesUnique(),
        OneMountNode(),
        ContainersAreKnown(running),
    )


NAMES: tuple[str, ...] = tuple(invariant.name for invariant in make_invariants(tuple))
"""What users call them."""
