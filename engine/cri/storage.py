"""What a cluster may ask of its storage, and the three drivers it comes with.

The contract is CSI's controller part in our form: requests in, one answer each. Making a volume
available on a node is the container runtime's part (`engine.cri.commands.Volume.driver`).
"""

from collections.abc import Callable
from typing import Protocol

import attrs

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


@attrs.frozen(kw_only=True)
class Driver:
    """A CSI driver of ours.

    Attributes:
        name: as classes and volumes name it.
        topology: the node label that bounds from where a volume is reached; empty for none.
        is_attached: volumes are attached to a node before they are mounted.
        is_shared: several nodes may write at a time.
        is_block: volumes can be had as block devices.
        node_limit: how many volumes one node takes; 0 for any number.
        zone_limit: how many volumes one zone holds; 0 for any number.
        modifiable: the parameters that a VolumeAttributesClass may give a volume later.
        create_seconds: how long making one takes, and likewise for the others.
    """

    name: str
    topology: str = ""
    is_attached: bool = False
    is_shared: bool = False
    is_block: bool = False
    node_limit: int = 0
    zone_limit: int = 0
    modifiable: tuple[str, ...] = ()
    create_seconds: float = 0.0
    delete_seconds: float = 0.0
    attach_seconds: float = 0.0
    detach_seconds: float = 0.0


LOCAL = Driver(name="local.csi.kubarium.dev", topology=HOSTNAME, is_block=True)
NETWORK = Driver(name="network.csi.kubarium.dev", is_shared=True, create_seconds=0.1)
CLOUD = Driver(
    name="cloud.csi.kubarium.dev",
    topology=ZONE,
    is_attached=True,
    is_block=True,
    node_limit=16,
    zone_limit=128,
    modifiable=("iops", "throughput", "type"),
    create_seconds=1.0,
    delete_seconds=0.5,
    attach_seconds=1.5,
    detach_seconds=1.0,
)
DRIVERS = {driver.name: driver for driver in (LOCAL, NETWORK, CLOUD)}


@attrs.frozen(kw_only=True)
class CreateVolume:
    """Make a volume of *size* bytes; with *source* (a volume or snapshot) a copy of that."""

    handle: str
    driver: str
    size: int
    source: str = ""


@attrs.frozen(kw_only=True)
class DeleteVolume:
    """Remove a volume, or a snapshot, with its content. One that is gone counts as removed."""

    handle: str
    driver: str


@attrs.frozen(kw_only=True)
class GrowVolume:
    """Let a volume hold *size* bytes; its file system grows on the node, later."""

    handle: str
    driver: str
    size: int


@attrs.frozen(kw_only=True)
class SnapshotVolume:
    """Keep what *source* holds now under *handle*."""

    handle: str
    driver: str
    source: str


StorageRequest = CreateVolume | DeleteVolume | GrowVolume | SnapshotVolume


@attrs.frozen(kw_only=True)
class StorageAnswer:
    """What became of the request with that *token*; *error* is empty if it was done."""

    token: str
    error: str = ""


Answer = Callable[[StorageAnswer], None]


class StorageBackend(Protocol):
    """Where volumes are.

    Promises:
        * `submit` returns at once and never raises; each request is answered once, later;
        * requests may be repeated: what is there already, or is gone, counts as done.
    """

    def submit(self, token: str, request: StorageRequest) -> None:
        """Have *request* done."""
        ...
