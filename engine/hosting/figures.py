"""What the parts of a cluster on this machine tell scrapers, and how long attempts really take."""

import time

from engine.adapters.http.component_metrics import ComponentMetrics
from engine.adapters.http.metrics import MetricSource
from engine.adapters.http.process_metrics import ProcessMetrics
from engine.cluster import Cluster


def metric_sources(cluster: Cluster) -> tuple[MetricSource, ...]:
    """The figures of *cluster*'s parts; from now on its scheduler measures its attempts."""
    cluster.scheduler.attempts.stopwatch = time.perf_counter
    return (
        ComponentMetrics(cluster.scheduler, cluster.manager),
        ProcessMetrics(
            scheduler=cluster.scheduler,
            manager=cluster.manager,
            proxier=cluster.proxier,
            electors=cluster.electors,
            store=cluster.store,
            nodes=cluster.nodes,
        ),
    )
