"""NodePorts: two pods cannot have the same port of one node."""

from typing import ClassVar

import numpy as np

from engine.scheduler.columns import Rows
from engine.scheduler.framework import Verdict
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo

REASON = "node(s) didn't have free ports for the requested pod ports"
_ANY = "0.0.0.0"  # noqa: S104 - what hostIP says for "all addresses"


class NodePorts:
    """Filters by host ports; an address of 0.0.0.0 collides with all addresses."""

    NAME: ClassVar[str] = "NodePorts"
    IS_LOCAL: ClassVar[bool] = True
    READS_PODS: ClassVar[bool] = True

    def applies(self, info: PodInfo) -> bool:
        """Whether the pod takes ports of its node."""
        return bool(info.host_ports)

    def filter(self, info: PodInfo, table: NodeTable, rows: Rows) -> Verdict:
        """Rows where a wanted port is taken fail."""
        taken = sorted(
            {
                row
                for address, protocol, port in info.host_ports
                for row, addresses in table.ports.get((protocol, port), {}).items()
                if address == _ANY or _ANY in addresses or address in addresses
            }
        )
        codes = np.isin(rows, np.array(taken, np.intp)).astype(np.int64)
        return Verdict(codes, lambda _code: (REASON,), lambda _code: True)
