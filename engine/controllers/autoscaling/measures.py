"""Where an autoscaler's figures come from: metrics.k8s.io, and Metric objects. In thousandths.

Source: metrics/client.go of pkg/controller/podautoscaler, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

import attrs

from engine.api.autoscaling_v2 import CrossVersionObjectReference, MetricIdentifier
from engine.api.kubarium import Metric
from engine.api.metrics import PodMetrics
from engine.api.pod import Pod
from engine.api.quantity import parse, parse_millis
from engine.api.selectors import from_label_selector, matches
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.lister import Lister
from engine.controllers.autoscaling.replicas import MetricError, PodValue


@attrs.define(eq=False)
class Measures:
    """Asks for figures."""

    client: Client
    metrics: Lister[Metric]

    def resource(
        self, name: str, *, namespace: str, selector: str, container: str = ""
    ) -> dict[str, PodValue]:
        """Use of cpu or memory by pod, or of one container in it.

        Raises:
            MetricError: metrics.k8s.io does not answer, or knows none of the pods.
        """
        try:
            found = self.client.list(PodMetrics, namespace=namespace, label_selector=selector).items
        except ApiError as error:
            why = f"unable to fetch metrics from resource metrics API: {error}"
            raise MetricError(why) from error
        if not found:
            raise MetricError("no metrics returned from resource metrics API")
        values = {}
        for one in found:
            parts = [c for c in one.containers if not container or c.name == container]
            if container and not parts:
                raise MetricError(
                    f"container {container} not present in metrics for pod "
                    f"{namespace}/{one.metadata.name}"
                )
            if parts and all(name in part.usage for part in parts):
                total = sum(parse_millis(part.usage[name]) for part in parts)
                at, window = one.timestamp or 0.0, float(one.window.rstrip("s") or 0)
                values[one.metadata.name] = PodValue(total, at, window)
        return values

    def of_pods(
        self, wanted: MetricIdentifier, pods: Sequence[Pod], *, namespace: str, now: float
    ) -> dict[str, PodValue]:
        """A custom metric by pod.

        Raises:
            MetricError: none of the pods has it.
        """
        values: dict[str, PodValue] = {}
        running = [
            pod
            for pod in pods
            if pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
        ]
        for metric in self._series(wanted, namespace):
            described = metric.spec.described_object
            if described is None or described.kind != "Pod":
                continue
            chosen = [pod for pod in running if describes(metric, pod)]
            value = millis(metric.spec.value)
            for pod in chosen:
                share = value // len(chosen) if metric.spec.is_shared else value
                values[pod.metadata.name] = PodValue(share, now)
        if not values:
            raise MetricError("no metrics returned from custom metrics API")
        return values

    def of_object(
        self, wanted: MetricIdentifier, target: CrossVersionObjectReference, *, namespace: str
    ) -> int:
        """A custom metric of one object.

        Raises:
            MetricError: the object does not have it.
        """
        for metric in self._series(wanted, namespace):
            described = metric.spec.described_object
            if (
                described is not None
                and described.kind == target.kind
                and described.name == target.name
            ):
                return millis(metric.spec.value)
        raise MetricError(
            "unable to fetch metrics from custom metrics API: the server could not find the metric "
            f"{wanted.name} for {target.kind.lower()}s {target.name}"
        )

    def external(self, wanted: MetricIdentifier, *, namespace: str) -> int:
        """An external metric: the sum of its series that are selected.

        Raises:
            MetricError: there is none.
        """
        found = [
            millis(metric.spec.value)
            for metric in self._series(wanted, namespace)
            if metric.spec.described_object is None
        ]
        if not found:
            raise MetricError("no metrics returned from external metrics API")
        return sum(found)

    def _series(self, wanted: MetricIdentifier, namespace: str) -> Iterator[Metric]:
        selector = from_label_selector(wanted.selector)
        found = self.metrics.list(namespace=namespace)
        for metric in sorted(found, key=lambda each: each.metadata.name):
            if metric.spec.metric == wanted.name and (
                selector is None or selector.matches(metric.spec.labels)
            ):
                yield metric


def describes(metric: Metric, pod: Pod) -> bool:
    """Whether *metric*, which is about pods, is about *pod*."""
    described = metric.spec.described_object
    if described is not None and described.name:
        return described.name == pod.metadata.name
    return metric.spec.selector is None or matches(metric.spec.selector, pod.metadata.labels)


def requests_of(pods: Sequence[Pod], resource: str, container: str = "") -> dict[str, int]:
    """What the pods request, by name.

    Raises:
        MetricError: a container requests nothing, or is not there.
    """
    found: dict[str, int] = {}
    for pod in pods:
        whole = pod.spec.extra.get("resources")
        level: Mapping[str, str] = (whole.get("requests") if whole else None) or {}
        if not container and resource in level:
            found[pod.metadata.name] = parse_millis(level[resource])
            continue
        sidecars = [c for c in pod.spec.init_containers if c.restart_policy == "Always"]
        chosen = [c for c in (*pod.spec.containers, *sidecars) if container in ("", c.name)]
        if not chosen:
            raise MetricError(f"container {container} not found in Pod {pod.metadata.name}")
        total = 0
        for one in chosen:
            request = one.resources.requests.get(resource)
            if request is None:
                raise MetricError(
                    f"missing request for {resource} in container {one.name} of Pod "
                    f"{pod.metadata.name}"
                )
            total += parse_millis(request)
        found[pod.metadata.name] = total
    return found


def millis(quantity: str) -> int:
    """A quantity in thousandths, however large."""
    return int((parse(quantity) * 1000).to_integral_value(ROUND_CEILING))


def quantity_of(thousandths: int) -> str:
    """Thousandths as the shortest decimal quantity: ``250m``, ``2``, ``24M``."""
    if not thousandths:
        return "0"
    value = Decimal(thousandths)
    for suffix in ("m", "", "k", "M", "G", "T", "P"):
        if value % 1000:
            return f"{value}{suffix}"
        value //= 1000
    return f"{value}E"
