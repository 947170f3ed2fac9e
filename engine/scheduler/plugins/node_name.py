"""NodeName: a pod that names its node goes there only."""

from typing import ClassVar

import numpy as np

from engine.scheduler.columns import Rows
from engine.scheduler.framework import Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

REASON = "node(s) didn't match the requested node name"


class NodeName:
    """Filters by spec.nodeName."""

    NAME: ClassVar[str] = "NodeName"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = False

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod names a node."""
        return bool(info.pod.spec.node_name)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """All rows but the named one fail."""
        wanted = table.rows.get(info.pod.spec.node_name, -1)
        return Verdict((rows != wanted).astype(np.int64), lambda _code: (REASON,))
