"""Eviction thresholds: what a node must not run short of, and whether it does. Pure functions.

Source: pkg/kubelet/eviction/{types,helpers}.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping

import attrs

from engine.api.quantity import format_bytes, parse
from engine.cri.events import NodeMeasured

MEMORY, DISK, PIDS = "memory", "ephemeral-storage", "pids"
SIGNALS = {
    "memory.available": ("MemoryPressure", MEMORY),
    "nodefs.available": ("DiskPressure", DISK),
    "nodefs.inodesFree": ("DiskPressure", "inodes"),
    "imagefs.available": ("DiskPressure", DISK),
    "imagefs.inodesFree": ("DiskPressure", "inodes"),
    "pid.available": ("PIDPressure", PIDS),
}
"""For each signal the node's condition, and the resource as messages name it."""

DEFAULT_HARD = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}


@attrs.frozen(kw_only=True)
class Threshold:
    """A signal must not fall below *quantity*, or *share* of the capacity.

    A soft one may for *grace* seconds; a hard one has none. It is over when the signal has
    *reclaim* more than that.
    """

    signal: str
    quantity: int = 0
    share: float = 0.0
    is_hard: bool = True
    grace: float = 0.0
    reclaim: int = 0
    reclaim_share: float = 0.0

    @property
    def condition(self) -> str:
        """The node's condition while it is not kept."""
        return SIGNALS[self.signal][0]

    @property
    def resource(self) -> str:
        """What the node is short of, in messages."""
        return SIGNALS[self.signal][1]

    def limit(self, capacity: int) -> int:
        """The least that may be available of *capacity*."""
        return int(capacity * self.share) if self.share else self.quantity

    def is_met(self, seen: "Observation", *, with_reclaim: bool = False) -> bool:
        """Whether too little is available; *with_reclaim*: less than it takes to be over."""
        least = self.limit(seen.capacity)
        if with_reclaim:
            least += int(seen.capacity * self.reclaim_share) if self.reclaim_share else self.reclaim
        return seen.available < least


@attrs.frozen(kw_only=True)
class Observation:
    """How much of something there is, and is left."""

    available: int
    capacity: int


def observe(measured: NodeMeasured) -> dict[str, Observation]:
    """What was measured, by signal; what is not known is left out. Images lie on the same disk."""
    disk = Observation(available=measured.disk_available, capacity=measured.disk)
    inodes = Observation(available=measured.inodes_free, capacity=measured.inodes)
    found = {
        "memory.available": Observation(
            available=measured.memory_available, capacity=measured.memory
        ),
        "nodefs.available": disk,
        "nodefs.inodesFree": inodes,
        "imagefs.available": disk,
        "imagefs.inodesFree": inodes,
        "pid.available": Observation(available=measured.pids_available, capacity=measured.pids),
    }
    return {signal: seen for signal, seen in found.items() if seen.capacity > 0}


def make_thresholds(
    hard: Mapping[str, str],
    soft: Mapping[str, str] | None = None,
    grace: Mapping[str, float] | None = None,
    reclaim: Mapping[str, str] | None = None,
) -> tuple[Threshold, ...]:
    """The thresholds that settings name: hard ones, and soft ones with their *grace* in seconds.

    Raises:
        ValueError: a signal or a quantity is none, or a soft threshold has no grace.
    """
    found = []
    for is_hard, given in ((True, hard), (False, soft or {})):
        for signal, text in given.items():
            if signal not in SIGNALS:
                msg = f"unknown eviction signal {signal!r} (known are {', '.join(SIGNALS)})"
                raise ValueError(msg)
            if not is_hard and signal not in (grace or {}):
                msg = f"{signal}: a soft threshold needs a grace period (evictionSoftGracePeriod)"
                raise ValueError(msg)
            quantity, share = _amount(signal, text)
            least, least_share = _amount(signal, (reclaim or {}).get(signal, "0"))
            if quantity or share:
                found.append(
                    Threshold(
                        signal=signal,
                        quantity=quantity,
                        share=share,
                        is_hard=is_hard,
                        grace=0.0 if is_hard else (grace or {})[signal],
                        reclaim=least,
                        reclaim_share=least_share,
                    )
                )
    return tuple(found)


def met(
    thresholds: Iterable[Threshold],
    seen: Mapping[str, Observation],
    *,
    with_reclaim: bool = False,
) -> tuple[Threshold, ...]:
    """Those that are not kept."""
    return tuple(
        threshold
        for threshold in thresholds
        if threshold.signal in seen
        and threshold.is_met(seen[threshold.signal], with_reclaim=with_reclaim)
    )


def amount(count: int, resource: str) -> str:
    """A number of *resource* as messages have it."""
    return str(count) if resource in {PIDS, "inodes"} else format_bytes(count)


def _amount(signal: str, text: str) -> tuple[int, float]:
    """Bytes (or a count), or a share of the capacity."""
    try:
        if not str(text).endswith("%"):
            return int(parse(str(text))), 0.0
        share = float(str(text)[:-1]) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        msg = f"{signal}: {text!r} is neither a quantity (100Mi) nor a percentage (10%)"
        raise ValueError(msg)
    return 0, share
