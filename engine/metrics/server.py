"""What metrics-server is to a cluster: answers metrics.k8s.io from what the nodes' runtimes say.

Source: metrics-server v0.7, k8s.io/metrics v0.34.
"""

from collections.abc import Callable, Iterable
from typing import Any

import attrs

from engine.api.frozen import FrozenDict, freeze
from engine.api.kubarium import UsageSeries
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.metrics import ContainerMetrics, NodeMetrics, PodMetrics
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.computed import ReadOnly
from engine.apiserver.errors import ApiError
from engine.apiserver.fields import Predicate
from engine.client.informer import InformerFactory
from engine.client.lister import Lister
from engine.cri.status import ContainerUsage
from engine.kernel.loop import Loop
from engine.metrics.series import COARSE_STEP, STEP, Sample
from engine.metrics.source import WINDOW, Measured, Modelled, UsageSource

NODE_PREFIX = "node."
NODE_NAMESPACE = "kube-system"

Reach = Callable[[str], object]
"""Raises ApiError if the kubelet of that node does not answer."""


@attrs.define(eq=False)
class MetricsServer:
    """The figures of all nodes. A node that cannot be reached has none."""

    loop: Loop
    informers: InformerFactory
    reach: Reach
    sources: dict[str, UsageSource] = attrs.field(factory=dict, init=False)
    pods: Lister[Pod] = attrs.field(init=False)
    nodes: Lister[Node] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pods = self.informers.informer(Pod).lister
        self.nodes = self.informers.informer(Node).lister

    def start(self) -> None:
        """Follow pods and nodes."""
        self.informers.start()

    def stop(self) -> None:
        """Follow nothing any more."""
        self.informers.stop()

    def report(self, node: str, at: float, usage: Iterable[ContainerUsage]) -> None:
        """Keep what was measured on *node*, unless nobody could have asked it."""
        source = self.sources.get(node)
        if isinstance(source, Measured) and self.reached(node) is not None:
            source.report(at, usage)

    def reached(self, node: str) -> UsageSource | None:
        """The figures of *node*, or None if it cannot be asked."""
        try:
            self.reach(node)
        except ApiError:
            return None
        return self.sources.get(node)


@attrs.define(eq=False)
class PodMetricsAnswers(ReadOnly):
    """PodMetrics, of pods that run."""

    metrics: MetricsServer

    def get(self, name: str, namespace: str) -> ApiObject | None:
        """What the pod uses, or None before it was measured."""
        pod = self.metrics.pods.get(name, namespace=namespace)
        return None if pod is None else self._of(pod)

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[ApiObject, ...]:
        """The selected pods of a namespace, or of all."""
        pods = self.metrics.pods.list(namespace=namespace or None)
        chosen = pods if selects is None else filter(selects, pods)
        found = (self._of(pod) for pod in chosen)
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.key))

    def _of(self, pod: Pod) -> PodMetrics | None:
        if not pod.spec.node_name or pod.status.phase != "Running":
            return None
        source = self.metrics.reached(pod.spec.node_name)
        now = self.metrics.loop.now
        usage = source.usage_of(pod.metadata.uid, now=now) if source is not None else {}
        if not usage:
            return None
        meta = ObjectMeta(
            name=pod.metadata.name,
            namespace=pod.metadata.namespace,
            labels=pod.metadata.labels,
            creation_timestamp=Time(int(now)),
        )
        at = min(sample.at for sample in usage.values())
        return PodMetrics(
            metadata=meta,
            timestamp=Time(int(at)),
            window=_window(source),
            containers=tuple(
                ContainerMetrics(name=container.name, usage=_quantities(usage[container.name]))
                for container in (*pod.spec.containers, *pod.spec.init_containers)
                if container.name in usage
            ),
        )


@attrs.define(eq=False)
class NodeMetricsAnswers(ReadOnly):
    """NodeMetrics: what is used by all that runs on a node."""

    metrics: MetricsServer

    def get(self, name: str, namespace: str) -> ApiObject | None:
        """What the node uses, or None if it cannot be asked."""
        del namespace
        node = self.metrics.nodes.get(name)
        return None if node is None else self._of(node)

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[ApiObject, ...]:
        """The selected nodes."""
        del namespace
        nodes = self.metrics.nodes.list()
        found = (self._of(node) for node in (nodes if selects is None else filter(selects, nodes)))
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.key))

    def _of(self, node: Node) -> NodeMetrics | None:
        source = self.metrics.reached(node.metadata.name)
        now = self.metrics.loop.now
        sample = source.totals(now=now) if source is not None else None
        if sample is None:
            return None
        return NodeMetrics(
            metadata=ObjectMeta(
                name=node.metadata.name,
                labels=node.metadata.labels,
                creation_timestamp=Time(int(now)),
            ),
            timestamp=Time(int(sample.at)),
            window=_window(source),
            usage=_quantities(sample),
        )


@attrs.define(eq=False)
class UsageSeriesAnswers(ReadOnly):
    """The history of a pod, or of a node as ``node.NAME``."""

    metrics: MetricsServer

    def get(self, name: str, namespace: str) -> ApiObject | None:
        """The history, or None if there is no such pod or node."""
        if namespace == NODE_NAMESPACE and name.startswith(NODE_PREFIX):
            return self._node(name)
        pod = self.metrics.pods.get(name, namespace=namespace)
        source = self.metrics.sources.get(pod.spec.node_name) if pod is not None else None
        if pod is None or source is None:
            return None
        uid, now = pod.metadata.uid, self.metrics.loop.now
        recent = source.history(uid, now=now, is_coarse=False)
        earlier = source.history(uid, now=now, is_coarse=True)
        status: dict[str, Any] = {
            "recent": _series(_summed(recent), _step(source)),
            "earlier": _series(_summed(earlier), COARSE_STEP),
            "containers": {one: _series(samples, _step(source)) for one, samples in recent.items()},
        }
        meta = ObjectMeta(name=name, namespace=namespace, creation_timestamp=Time(int(now)))
        return UsageSeries(metadata=meta, status=freeze(status))

    def list(self, namespace: str, selects: Predicate | None = None) -> tuple[ApiObject, ...]:
        """The histories of the selected pods of one namespace; none without one: they are long."""
        if not namespace:
            return ()
        pods = self.metrics.pods.list(namespace=namespace)
        names = [pod.metadata.name for pod in pods if selects is None or selects(pod)]
        found = (self.get(name, namespace) for name in sorted(names))
        return tuple(one for one in found if one is not None)

    def _node(self, name: str) -> ApiObject | None:
        source = self.metrics.sources.get(name.removeprefix(NODE_PREFIX))
        if source is None:
            return None
        now = self.metrics.loop.now
        status: dict[str, Any] = {
            "recent": _series(source.node_history(now=now, is_coarse=False), _step(source)),
            "earlier": _series(source.node_history(now=now, is_coarse=True), COARSE_STEP),
        }
        meta = ObjectMeta(name=name, namespace=NODE_NAMESPACE, creation_timestamp=Time(int(now)))
        return UsageSeries(metadata=meta, status=freeze(status))


def _step(source: UsageSource) -> float:
    return WINDOW if isinstance(source, Modelled) else STEP


def _window(source: UsageSource | None) -> str:
    del source
    return f"{WINDOW:g}s"


def _quantities(sample: Sample) -> FrozenDict[str, str]:
    """CPU in nanocores and memory in Ki, as metrics-server writes them."""
    cpu = f"{sample.cpu * 1_000_000}n" if sample.cpu else "0"
    return FrozenDict({"cpu": cpu, "memory": f"{sample.memory // 1024}Ki"})


def _summed(histories: dict[str, list[Sample]]) -> list[Sample]:
    """The sum of several containers at each time."""
    sums: dict[float, tuple[int, int]] = {}
    for samples in histories.values():
        for sample in samples:
            cpu, memory = sums.get(sample.at, (0, 0))
            sums[sample.at] = (cpu + sample.cpu, memory + sample.memory)
    return [Sample(at, *sums[at]) for at in sorted(sums)]


def _series(samples: list[Sample], step: float) -> dict[str, Any]:
    return {
        "seconds": step,
        "until": samples[-1].at if samples else None,
        "cpu": [sample.cpu for sample in samples],
        "memory": [sample.memory for sample in samples],
    }
