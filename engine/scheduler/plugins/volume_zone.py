"""VolumeZone: a pod goes to a zone and region that its volumes are labelled with.

Source: volumezone/volume_zone.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs
import numpy as np

from engine.scheduler.columns import Mask, Rows
from engine.scheduler.framework import Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.volume_view import VolumeView

REASON = "node(s) had no available volume zone"
LABELS = (
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)


@attrs.define(eq=False)
class VolumeZone:
    """Filters by zone and region labels of bound volumes; ``__`` separates several."""

    NAME: ClassVar[str] = "VolumeZone"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = False

    view: VolumeView

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod has claims."""
        return bool(info.claims)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows fail that are elsewhere; a node without any such label is nowhere, so it passes."""
        fails = np.zeros(len(rows), np.bool_)
        for _, volume in self.view.claims_of(info).bound:
            for label in LABELS:
                value = volume.metadata.labels.get(label)
                if value is not None:
                    fails |= ~_has_one(table, rows, label, value.split("__"))
        if fails.any():
            is_placed = np.zeros(len(rows), np.bool_)
            for label in LABELS:
                is_placed |= table.domain(label)[rows] >= 0
            fails &= is_placed
        return Verdict(fails.astype(np.int64), lambda _code: (REASON,))


def _has_one(table: NodeTable, rows: Rows, label: str, values: list[str]) -> Mask:
    domain = table.domain(label)[rows]
    known = table.domain_values(label)
    return np.isin(domain, np.array([known[v] for v in values if v in known], np.int64))
