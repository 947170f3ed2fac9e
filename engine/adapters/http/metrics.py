"""What the server counts, for Prometheus: names and labels are those of kube-apiserver 1.34.

Counting is two dictionary entries per request; the library that writes the text is loaded when the
first scraper comes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import attrs

from engine.adapters.http.limits import InFlight
from engine.adapters.http.routes import Target
from engine.adapters.http.watching import Delivered
from engine.api.scheme import Resource
from engine.apiserver.keys import prefix_of
from engine.apiserver.server import ApiServer
from engine.store.kv import prefix_end

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0,
    10.0, 15.0, 20.0, 30.0, 45.0, 60.0,
)  # fmt: skip
_SIZE_BUCKETS = tuple(10.0**power for power in range(3, 10))
_LABELS = ("verb", "group", "version", "resource", "subresource", "scope")
OTHER = "other"
"""For what is not served: clients can invent as many names as they like, and each would be kept."""

_VERBS = {"PUT": "PUT", "PATCH": "PATCH", "POST": "POST"}

MetricSource = Callable[[], Iterable["Metric"]]
"""Figures of another component, made when somebody asks."""


@attrs.define(eq=False)
class _Durations:
    """A histogram of seconds."""

    counts: list[int] = attrs.field(factory=lambda: [0] * (len(_BUCKETS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_BUCKETS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        found, seen = [], 0
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), self.counts, strict=True):
            seen += count
            found.append((bound, float(seen)))
        return found


@attrs.define(eq=False)
class _Sizes:
    """A histogram of bytes."""

    counts: list[int] = attrs.field(factory=lambda: [0] * (len(_SIZE_BUCKETS) + 1))
    total: int = 0

    def observe(self, size: int) -> None:
        self.counts[bisect_left(_SIZE_BUCKETS, size)] += 1
        self.total += size


def verb_of(method: str, target: Target, *, is_watch: bool) -> str:
    """The verb as kube-apiserver's metrics name it."""
    if is_watch:
        return "WATCH"
    if method in ("GET", "HEAD"):
        return "GET" if target.name else "LIST"
    if method == "DELETE":
        return "DELETE" if target.name else "DELETECOLLECTION"
    return _VERBS.get(method, OTHER)


@attrs.define(eq=False, repr=False)
class ServerMetrics:
    """Requests by resource and answer, what is under way, what is stored.

    Is a Prometheus collector: *sources* add the figures of other components.
    """

    server: ApiServer
    in_flight: InFlight
    sources: list[MetricSource] = attrs.field(factory=list)
    _answers: dict[tuple[str, ...], int] = attrs.field(factory=dict, init=False)
    _durations: dict[tuple[str, ...], _Durations] = attrs.field(factory=dict, init=False)
    _sizes: dict[tuple[str, ...], _Sizes] = attrs.field(factory=dict, init=False)
    _watched: dict[Resource, Delivered] = attrs.field(factory=dict, init=False)
    _registry: "CollectorRegistry | None" = attrs.field(default=None, init=False)

    def observe(
        self,
        method: str,
        target: Target,
        code: int,
        seconds: float,
        *,
        is_watch: bool = False,
        size: int | None = None,
    ) -> None:
        """Count one answered request. A watch is counted, its length is no duration.

        *size* is that of the answer in bytes, where it is known; of reads it is told.
        """
        resource = target.resource
        scope = "cluster"
        if resource.namespaced and target.namespace:
            scope = "resource" if target.name else "namespace"
        elif target.name:
            scope = "resource"
        subresource = target.subresource
        if subresource not in ("", *resource.subresources):
            subresource = OTHER
        labels = (
            verb_of(method, target, is_watch=is_watch),
            resource.group,
            resource.version,
            resource.plural,
            subresource,
            scope,
        )
        key = (*labels, str(code))
        self._answers[key] = self._answers.get(key, 0) + 1
        if not is_watch:
            self._durations.setdefault(labels, _Durations()).observe(seconds)
            if size is not None and labels[0] in ("GET", "LIST"):
                self._sizes.setdefault(labels, _Sizes()).observe(size)

    def delivered(self, resource: Resource) -> Delivered:
        """Where watches of *resource* count their events."""
        return self._watched.setdefault(resource, Delivered())

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        from prometheus_client import (  # noqa: PLC0415 - a tenth of a second that few need
            CollectorRegistry,
            ProcessCollector,
            generate_latest,
        )

        if self._registry is None:
            self._registry = CollectorRegistry()
            ProcessCollector(registry=self._registry)
            self._registry.register(self)
        return bytes(generate_latest(self._registry))

    def describe(self) -> "Iterable[Metric]":
        """Nothing: what there is depends on what was asked."""
        return ()

    def collect(self) -> "Iterator[Metric]":
        """Every figure, now."""
        yield from self._requests()
        yield from self._under_way()
        yield from self._stored()
        for source in self.sources:
            yield from source()

    def _requests(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415
            CounterMetricFamily,
            HistogramMetricFamily,
        )

        answers: Any = CounterMetricFamily(
            "apiserver_request_total",
            "Requests answered, by verb, resource and HTTP status.",
            labels=(*_LABELS, "code"),
        )
        for key, count in self._answers.items():
            answers.add_metric(key, count)
        yield answers
        durations: Any = HistogramMetricFamily(
            "apiserver_request_duration_seconds",
            "Time from a request's arrival until its answer was durable, in seconds.",
            labels=_LABELS,
        )
        for labels, found in self._durations.items():
            durations.add_metric(labels, found.cumulative(), found.total)
        yield durations
        sizes: Any = HistogramMetricFamily(
            "apiserver_response_sizes", "Bytes of the answers to reads.", labels=_LABELS
        )
        for labels, sized in self._sizes.items():
            bounds = [*(f"{bound:g}" for bound in _SIZE_BUCKETS), "+Inf"]
            counts = map(float, accumulate(sized.counts))
            sizes.add_metric(labels, list(zip(bounds, counts, strict=True)), float(sized.total))
        yield sizes
        events: Any = CounterMetricFamily(
            "apiserver_watch_events_total",
            "Events that watches were given, by resource.",
            labels=("group", "version", "resource"),
        )
        for resource, seen in self._watched.items():
            labels = (resource.group, resource.version, resource.plural)
            events.add_metric(labels, seen.events)
        yield events

    def _under_way(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415
            CounterMetricFamily,
            GaugeMetricFamily,
        )

        counts = self.in_flight
        current: Any = GaugeMetricFamily(
            "apiserver_current_inflight_requests",
            "Requests under way, by whether they change something.",
            labels=("request_kind",),
        )
        current.add_metric(("readOnly",), counts.reading)
        current.add_metric(("mutating",), counts.mutating)
        yield current
        watching: Any = GaugeMetricFamily(
            "apiserver_longrunning_requests", "Watches under way.", labels=("verb",)
        )
        watching.add_metric(("WATCH",), counts.watching)
        yield watching
        refused: Any = CounterMetricFamily(
            "apiserver_dropped_requests_total", "Requests refused because there were too many."
        )
        refused.add_metric((), counts.refused)
        yield refused

    def _stored(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        store = self.server.store
        objects: Any = GaugeMetricFamily(
            "apiserver_storage_objects", "Objects stored, by resource.", labels=("resource",)
        )
        for resource in self.server.scheme:
            if "list" in resource.verbs:
                start = prefix_of(resource)
                count = store.range(start, prefix_end(start), count_only=True).count
                objects.add_metric((resource.qualified,), count)
        yield objects
        revision: Any = GaugeMetricFamily(
            "kubarium_store_revision",
            "The store's newest revision, by what holds for it.",
            labels=("state",),
        )
        revision.add_metric(("current",), store.revision)
        revision.add_metric(("durable",), store.durable_revision)
        revision.add_metric(("compacted",), store.compact_revision)
        yield revision
