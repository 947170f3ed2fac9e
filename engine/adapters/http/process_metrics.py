"""What each component's process says of itself: its build, whether it leads, what it runs.

Source: k8s.io/component-base metrics (version, leaderelection, controllers), pkg/kubelet/metrics
and pkg/proxy/metrics, kubernetes v1.34.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from engine.adapters.http.documents import VERSION
from engine.client.leader_election import LeaderElector
from engine.controllers.manager import ControllerManager
from engine.proxy.proxier import Proxier
from engine.scheduler.scheduler import Scheduler
from engine.store.watchable_store import Store

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_BUILD: Mapping[str, str] = {
    "build_date": "buildDate", "compiler": "compiler", "git_commit": "gitCommit",
    "git_tree_state": "gitTreeState", "git_version": "gitVersion", "go_version": "goVersion",
    "major": "major", "minor": "minor", "platform": "platform",
}  # fmt: skip


@attrs.define(eq=False, kw_only=True)
class ProcessMetrics:
    """A source of `ServerMetrics`."""

    scheduler: Scheduler
    manager: ControllerManager
    proxier: Proxier
    electors: Sequence[LeaderElector]
    store: Store[Any]
    nodes: Iterable[str]

    def __call__(self) -> "Iterator[Metric]":
        """Every figure, now."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - as in `ServerMetrics`

        build: Any = GaugeMetricFamily(
            "kubernetes_build_info", "What is running, as /version says it.", labels=(*_BUILD,)
        )
        build.add_metric([VERSION[name] for name in _BUILD.values()], 1)
        yield build
        leading: Any = GaugeMetricFamily(
            "leader_election_master_status", "Whether a component leads.", labels=("name",)
        )
        for elector in self.electors:
            leading.add_metric((elector.name,), int(elector.is_leader))
        yield leading
        running: Any = GaugeMetricFamily(
            "running_managed_controllers", "Controllers that run.", labels=("name", "manager")
        )
        for name in self.manager:
            is_running = not self.manager.is_stopped(name)
            running.add_metric((name, "kube-controller-manager"), int(is_running))
        yield running
        if self.proxier.last_sync is not None:
            synced: Any = GaugeMetricFamily(
                "kubeproxy_sync_proxy_rules_last_timestamp_seconds",
                "When the proxy last looked whether its rules are right, in epoch seconds.",
            )
            synced.add_metric((), self.proxier.last_sync)
            yield synced
        measure = getattr(self.store.log, "size", None)
        if measure is not None:
            size: Any = GaugeMetricFamily(
                "apiserver_storage_size_bytes",
                "Bytes of the store on disk.",
                labels=("storage_cluster_id",),
            )
            size.add_metric(("etcd-0",), measure())
            yield size
        yield from self._nodes()

    def _nodes(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        desired: Counter[str] = Counter()
        for pod in self.scheduler.caches.pods.lister.list():
            if pod.status.phase not in ("Succeeded", "Failed"):
                desired[pod.spec.node_name] += 1
        names: Any = GaugeMetricFamily("kubelet_node_name", "Each kubelet.", labels=("node",))
        active: Any = GaugeMetricFamily(
            "kubelet_active_pods", "Pods of a node that have not ended.", labels=("node",)
        )
        for node in self.nodes:
            names.add_metric((node,), 1)
            active.add_metric((node,), desired[node])
        yield from (names, active)
