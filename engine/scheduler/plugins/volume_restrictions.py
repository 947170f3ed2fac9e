"""VolumeRestrictions: a claim for one pod alone, and disks that one node has at a time.

Source: volumerestrictions/volume_restrictions.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs
import numpy as np

from engine.api.pod import Pod
from engine.scheduler.columns import Rows
from engine.scheduler.framework import Codes, Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.volume_view import VolumeView

REASON_DISK = "node(s) had no available disk"
REASON_CLAIM = (
    "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
)
_DISK, _CLAIM, _NOWHERE = 1, 2, 3
_DISKS = {
    "gcePersistentDisk": "pdName",
    "awsElasticBlockStore": "volumeID",
    "iscsi": "iqn",
    "rbd": "image",
}
"""Volume sources that conflict, and the field that says which disk it is."""

Disk = tuple[str, str, bool]
"""Kind, identity, read only."""


@attrs.define(eq=False)
class VolumeRestrictions:
    """Filters by ReadWriteOncePod claims that are in use, and by disks on the node."""

    NAME: ClassVar[str] = "VolumeRestrictions"
    IS_LOCAL: ClassVar[bool] = False
    READS_PODS: ClassVar[bool] = True

    view: VolumeView

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod has claims or such disks."""
        return bool(info.claims or disks_of(info.pod))

    def is_idle(self, info: PodInfo, table: NodeTable) -> bool:  # noqa: ARG002 - the protocol's signature
        """Never: a claim may be in use wherever it is."""
        return False

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """A claim in use fails every row, a disk in use those that have it."""
        codes = np.zeros(len(rows), np.int64)
        disks = disks_of(info.pod)
        if disks:
            for index, row in enumerate(rows):
                if any(_collides(disks, disks_of(other.pod)) for other in table.pods_on(row)):
                    codes[index] = _DISK
        for name in info.claims:
            claim = self.view.claims.get(name, namespace=info.namespace)
            if claim is None:
                return _nowhere(codes, self.view.claims_of(info).problem)
            if "ReadWriteOncePod" in claim.spec.access_modes and table.claim_users.get(claim.key):
                codes[codes == 0] = _CLAIM
        words_of = {_DISK: REASON_DISK, _CLAIM: REASON_CLAIM}
        return Verdict(codes, lambda code: (words_of[code],), lambda code: code != _NOWHERE)


def _nowhere(codes: Codes, problem: str) -> Verdict:
    codes[:] = _NOWHERE
    return Verdict(codes, lambda _code: (problem,), everywhere=problem)


def disks_of(pod: Pod) -> tuple[Disk, ...]:
    """The disks that only one node can have at a time."""
    return tuple(
        (kind, str(source.get(field)), bool(source.get("readOnly")))
        for volume in pod.spec.volumes
        if volume.extra
        for kind, field in _DISKS.items()
        if (source := volume.extra.get(kind)) is not None
    )


def _collides(ours: tuple[Disk, ...], theirs: tuple[Disk, ...]) -> bool:
    return any(
        kind == other_kind
        and identity == other
        # An EBS volume is attached once, whoever only reads it.
        and not (kind != "awsElasticBlockStore" and is_read_only and other_read_only)
        for kind, identity, is_read_only in ours
        for other_kind, other, other_read_only in theirs
    )
