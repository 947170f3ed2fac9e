"""NodeUnschedulable: nothing new goes to a cordoned node, unless it tolerates that."""

from typing import ClassVar

import numpy as np

from engine.api.node import Taint
from engine.scheduler.columns import Rows
from engine.scheduler.framework import Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.tolerations import tolerates

REASON = "node(s) were unschedulable"
_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable:
    """Filters by spec.unschedulable."""

    NAME: ClassVar[str] = "NodeUnschedulable"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = False

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod minds."""
        return not any(tolerates(toleration, _TAINT) for toleration in info.tolerations)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Cordoned rows fail."""
        return Verdict(table.unschedulable[rows].astype(np.int64), lambda _code: (REASON,))
