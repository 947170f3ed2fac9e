"""The end of a cluster on this machine: its pods end in order first, if that was asked for."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from engine.cluster import Cluster
from engine.composition.shutdown import shut_nodes_down

LOOK_SECONDS = 0.05
SPARE_SECONDS = 10.0


async def end_pods(
    cluster: Cluster, note: Callable[[str, Any], object], died: "asyncio.Future[Any]"
) -> None:
    """End all pods as shutdownGracePeriod says, while the cluster still runs (until it *died*)."""
    if not any(node.kubelet.settings.shutdown_grace for node in cluster.nodes.values()):
        return
    note("shutdown", None)
    waiting = shut_nodes_down(cluster.nodes)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(waiting.values(), default=0.0) + SPARE_SECONDS):
            while waiting and not died.done():  # noqa: ASYNC110 - the kubelets tell no task
                await asyncio.sleep(LOOK_SECONDS)
