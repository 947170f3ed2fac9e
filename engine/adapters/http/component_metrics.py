"""The figures of scheduler, controllers and kubelets, under the names of their own processes.

Each real component has a ``/metrics`` of its own; here all share the API server's.

Source: pkg/scheduler/metrics, client-go util/workqueue metrics, pkg/kubelet/metrics, v1.34.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

from engine.api.pod import Pod
from engine.client.workqueue import WorkQueue
from engine.controllers.manager import ControllerManager
from engine.scheduler.attempts import (
    ATTEMPT_BOUNDS,
    SLI_BOUNDS,
    VICTIM_BOUNDS,
    Durations,
)
from engine.scheduler.scheduler import Scheduler

if TYPE_CHECKING:
    from prometheus_client.core import Metric


@attrs.define(eq=False)
class ComponentMetrics:
    """A source of `ServerMetrics`: what the cluster's parts have to tell."""

    scheduler: Scheduler
    manager: ControllerManager

    def __call__(self) -> "Iterator[Metric]":
        """Every figure, now."""
        yield from self._scheduling()
        yield from self._preemption()
        yield from self._queues()
        yield from self._pods()

    def _scheduling(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415 - as in `ServerMetrics`
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        pending: Any = GaugeMetricFamily(
            "scheduler_pending_pods", "Pods without a node, by queue.", labels=("queue",)
        )
        for queue, count in self.scheduler.queue.counts().items():
            pending.add_metric((queue,), count)
        yield pending
        attempts: Any = CounterMetricFamily(
            "scheduler_schedule_attempts_total",
            "Attempts to schedule pods, by result and profile.",
            labels=("result", "profile"),
        )
        counts = self.scheduler.attempts
        for (result, profile), count in sorted(counts.results.items()):
            attempts.add_metric((result, profile), count)
        yield attempts
        waits: Any = HistogramMetricFamily(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "Seconds from when a pod first waited for a node until it had one.",
        )
        total, buckets = 0.0, []
        bounds = [*(f"{bound:g}" for bound in SLI_BOUNDS), "+Inf"]
        for bound, count in zip(bounds, counts.waits, strict=True):
            total += count
            buckets.append((bound, total))
        waits.add_metric((), buckets, counts.waited)
        yield waits
        took: Any = HistogramMetricFamily(
            "scheduler_scheduling_attempt_duration_seconds",
            "Seconds of real time that attempts took, by result and profile.",
            labels=("result", "profile"),
        )
        for key, found in sorted(counts.durations.items()):
            took.add_metric(key, _cumulative(found), found.total)
        yield took

    def _preemption(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415 - as in `ServerMetrics`
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        counts = self.scheduler.attempts
        tried: Any = CounterMetricFamily(
            "scheduler_preemption_attempts_total", "How often preemption looked for room."
        )
        tried.add_metric((), counts.preemptions)
        yield tried
        victims: Any = HistogramMetricFamily(
            "scheduler_preemption_victims", "Pods that one preemption ended."
        )
        bounds = [*(f"{bound:g}" for bound in VICTIM_BOUNDS), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(counts.victims)), strict=True))
        victims.add_metric((), buckets, float(counts.victim_count))
        yield victims
        refused: Any = GaugeMetricFamily(
            "scheduler_unschedulable_pods",
            "Pods without a node, by a plugin that refused them, and profile.",
            labels=("plugin", "profile"),
        )
        for key, count in sorted(self.scheduler.queue.refusals().items()):
            refused.add_metric(key, count)
        yield refused

    def _queues(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415 - as in `ServerMetrics`
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        depth: Any = GaugeMetricFamily(
            "workqueue_depth", "Keys that wait for their controller.", labels=("name",)
        )
        adds: Any = CounterMetricFamily(
            "workqueue_adds_total", "Keys that were given to a controller.", labels=("name",)
        )
        retries: Any = CounterMetricFamily(
            "workqueue_retries_total", "Keys that came back after an error.", labels=("name",)
        )
        for name, queue in sorted(self._found_queues().items()):
            depth.add_metric((name,), len(queue))
            adds.add_metric((name,), queue.adds)
            retries.add_metric((name,), queue.retries)
        yield from (depth, adds, retries)

    def _found_queues(self) -> dict[str, WorkQueue]:
        found: dict[str, WorkQueue] = {}
        for name in self.manager:
            controller: Any = self.manager[name]
            for field in attrs.fields(type(controller)):
                queue = getattr(controller, field.name, None)
                if isinstance(queue, WorkQueue):
                    found[queue.name or name] = queue
        return found

    def _pods(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        pods: Counter[str] = Counter()
        containers: Counter[tuple[str, str]] = Counter()
        for pod in self.scheduler.caches.pods.lister.list():
            _count(pod, pods, containers)
        running: Any = GaugeMetricFamily(
            "kubelet_running_pods", "Pods that run, by node.", labels=("node",)
        )
        for node, count in sorted(pods.items()):
            running.add_metric((node,), count)
        yield running
        states: Any = GaugeMetricFamily(
            "kubelet_running_containers",
            "Containers by node and state.",
            labels=("node", "container_state"),
        )
        for key, count in sorted(containers.items()):
            states.add_metric(key, count)
        yield states


def _cumulative(found: Durations) -> list[tuple[str, float]]:
    bounds = [*(f"{bound:g}" for bound in ATTEMPT_BOUNDS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(found.counts)), strict=True))


def _count(pod: Pod, pods: Counter[str], containers: Counter[tuple[str, str]]) -> None:
    node = pod.spec.node_name
    if pod.status.phase == "Running":
        pods[node] += 1
    for status in pod.status.container_statuses:
        state = status.state
        if state.running is not None:
            containers[node, "running"] += 1
        elif state.terminated is not None:
            containers[node, "exited"] += 1
        else:
            containers[node, "created"] += 1
