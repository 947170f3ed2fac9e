"""What a fault may ask of a container runtime: each begins, and is ended by its id."""

import attrs

from engine.cri.commands import PodIdentity


@attrs.frozen(kw_only=True)
class Freeze:
    """Stop every process of a container where it is, until the end."""

    id: str
    pod: PodIdentity
    container_id: str


@attrs.frozen(kw_only=True)
class BurnCpu:
    """Keep *workers* processes inside the container busy for *load* percent of a core each."""

    id: str
    pod: PodIdentity
    container_id: str
    workers: int = 1
    load: float = 100.0


@attrs.frozen(kw_only=True)
class HoldMemory:
    """Hold *bytes* inside the container; *is_fatal*: more and more, until it is killed for it."""

    id: str
    pod: PodIdentity
    container_id: str
    bytes: int = 0
    is_fatal: bool = False


@attrs.frozen(kw_only=True)
class BurnDisk:
    """Write and flush a file again and again, by *workers* processes inside the container."""

    id: str
    pod: PodIdentity
    container_id: str
    workers: int = 1


@attrs.frozen(kw_only=True)
class FillDisk:
    """Let a file of *bytes* lie in the container's folder *path*."""

    id: str
    pod: PodIdentity
    container_id: str
    path: str = "/tmp"  # noqa: S108 - the container's, not ours
    bytes: int = 0


@attrs.frozen(kw_only=True)
class DisturbTraffic:
    """Drop, reset, delay or slow the packets between *addresses* and *peers* (CIDRs; none: all).

    *direction* is in, out or both, seen from *addresses*; *port* keeps it to one destination port.
    *percent* is the share of packets that is hit. *latency* and *jitter* are seconds, *rate* bytes
    a second (then everything of *pod* shares it).
    """

    id: str
    pod: PodIdentity
    action: str
    addresses: tuple[str, ...]
    peers: tuple[str, ...] = ()
    direction: str = "both"
    port: int = 0
    percent: float = 100.0
    latency: float = 0.0
    jitter: float = 0.0
    rate: int = 0


Disturbance = Freeze | BurnCpu | HoldMemory | BurnDisk | FillDisk | DisturbTraffic
