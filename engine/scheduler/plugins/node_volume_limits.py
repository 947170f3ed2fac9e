"""NodeVolumeLimits: a node takes so many volumes of a CSI driver and no more.

Source: nodevolumelimits/csi.go, kubernetes v1.34.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs
import numpy as np

from engine.scheduler.columns import Rows
from engine.scheduler.framework import Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.volume_view import VolumeView

REASON = "node(s) exceed max volume count"


@attrs.define(eq=False)
class NodeVolumeLimits:
    """Filters by what the CSINode says its drivers can take."""

    NAME: ClassVar[str] = "NodeVolumeLimits"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = True

    view: VolumeView

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod has claims."""
        return bool(info.claims)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows fail where the volumes of a driver would be too many."""
        codes = np.zeros(len(rows), np.int64)
        wanted = self._handles([info])
        if wanted:
            for index, row in enumerate(rows):
                codes[index] = self._is_exceeded(wanted, table, row)
        return Verdict(codes, lambda _code: (REASON,), lambda _code: True)

    def _is_exceeded(self, wanted: set[tuple[str, str]], table: NodeTable, row: int) -> bool:
        csi_node = self.view.csi_nodes.get(table.names[row])
        if csi_node is None:
            return False
        limits = {
            driver.name: driver.allocatable.count
            for driver in csi_node.spec.drivers
            if driver.allocatable is not None and driver.allocatable.count is not None
        }
        if not any(driver in limits for driver, _ in wanted):
            return False
        present = self._handles(table.pods_on(row))
        return any(
            driver in limits
            and len({item for item in present | wanted if item[0] == driver}) > limits[driver]
            for driver, handle in wanted
            if (driver, handle) not in present
        )

    def _handles(self, pods: Iterable[PodInfo]) -> set[tuple[str, str]]:
        """Driver and handle of the CSI volumes that *pods* use, or are going to get."""
        found = set()
        for info in pods:
            for name in info.claims:
                claim = self.view.claims.get(name, namespace=info.namespace)
                if claim is None:
                    continue
                volume = self.view.volumes.get(claim.spec.volume_name)
                if volume is not None and volume.spec.csi is not None:
                    found.add((volume.spec.csi.driver, volume.spec.csi.volume_handle))
                elif volume is None and self.view.is_provisionable(claim):
                    storage_class = self.view.class_of(claim)
                    assert storage_class is not None
                    found.add((storage_class.provisioner, claim.key))
        return found
