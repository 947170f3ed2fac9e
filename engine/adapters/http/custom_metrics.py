"""custom.metrics.k8s.io and external.metrics.k8s.io: Metric objects, as adapters would serve them.

Source: k8s.io/metrics v0.34, pkg/apis/custom_metrics and external_metrics.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from engine.api.codec import format_time
from engine.api.kubarium import Metric
from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.api.selectors import parse_selector
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.authorization.access import Access
from engine.apiserver.errors import BadRequestError, NotFoundError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.controllers.autoscaling.measures import describes, millis, quantity_of

CUSTOM = "custom.metrics.k8s.io"
EXTERNAL = "external.metrics.k8s.io"
VERSIONS = {CUSTOM: ("v1beta2", "v1beta1"), EXTERNAL: ("v1beta1",)}


@attrs.frozen(kw_only=True)
class MetricPath:
    """What a path asks for; *resource* is empty for an external metric, *name* ``*`` for all."""

    group: str
    version: str
    namespace: str = ""
    resource: str = ""
    name: str = ""
    metric: str = ""

    def access(self, user: UserInfo) -> Access:
        """The question whether *user* may read that."""
        resource = self.resource or self.metric
        verb = "list" if self.name in ("", "*") else "get"
        subresource = self.metric if self.resource else ""
        name = "" if self.name == "*" else self.name
        return Access(
            user.name, user.groups, verb, self.group, resource, subresource, self.namespace, name
        )


def metric_path(path: str) -> MetricPath | None:
    """What *path* asks for, or None if it is no such path."""
    match [part for part in path.split("/") if part]:
        case ["apis", group, version] if version in VERSIONS.get(group, ()):
            return MetricPath(group=group, version=version)
        case ["apis", str(group), version, "namespaces", namespace, metric] if group == EXTERNAL:
            return MetricPath(group=group, version=version, namespace=namespace, metric=metric)
        case [
            "apis",
            str(group),
            version,
            "namespaces",
            namespace,
            resource,
            name,
            metric,
        ] if group == CUSTOM:
            return MetricPath(
                group=group,
                version=version,
                namespace=namespace,
                resource=resource.partition(".")[0],
                name=name,
                metric=metric,
            )
    return None


def group_document(path: str) -> dict[str, Any] | None:
    """The answer to ``/apis/GROUP``."""
    group = path.strip("/").removeprefix("apis/")
    if group not in VERSIONS:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **group_entry(group)}


def group_entry(group: str) -> dict[str, Any]:
    """*group* as lists of groups have it."""
    versions = [{"groupVersion": f"{group}/{one}", "version": one} for one in VERSIONS[group]]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def resources(group: str, metrics: Iterable[Metric]) -> list[str]:
    """What can be asked of *group*: ``RESOURCES/METRIC``, or ``METRIC`` alone."""
    names = {}
    for metric in metrics:
        described = metric.spec.described_object
        if (described is None) == (group == EXTERNAL):
            resource = "" if described is None else f"{described.kind.lower()}s/"
            names[f"{resource}{metric.spec.metric}"] = True
    return sorted(names)


def answer(
    wanted: MetricPath, query: Mapping[str, str], server: ApiServer, request: RequestInfo
) -> dict[str, Any]:
    """The list of values, or of what can be asked.

    Raises:
        NotFoundError: nobody has told such a metric.
        BadRequestError: a selector makes no sense.
    """
    metrics = server.list(Metric, namespace=wanted.namespace or None, request=request).items
    if not wanted.metric:
        return _resources(wanted, metrics)
    if wanted.group == EXTERNAL:
        return _external(wanted, query, metrics, now=server.now)
    return _custom(wanted, query, metrics, server, request)


def _resources(wanted: MetricPath, metrics: tuple[Metric, ...]) -> dict[str, Any]:
    kind = "ExternalMetricValueList" if wanted.group == EXTERNAL else "MetricValueList"
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{wanted.group}/{wanted.version}",
        "resources": [
            {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]}
            for name in resources(wanted.group, metrics)
        ],
    }


def _external(
    wanted: MetricPath, query: Mapping[str, str], metrics: tuple[Metric, ...], *, now: float
) -> dict[str, Any]:
    selector = _selector(query, "labelSelector")
    items = [
        {
            "metricName": metric.spec.metric,
            "metricLabels": dict(metric.spec.labels),
            "timestamp": format_time(now),
            "value": quantity_of(millis(metric.spec.value)),
        }
        for metric in metrics
        if metric.spec.described_object is None
        and metric.spec.metric == wanted.metric
        and selector.matches(metric.spec.labels)
    ]
    return _list(wanted, "ExternalMetricValueList", items)


def _custom(
    wanted: MetricPath,
    query: Mapping[str, str],
    metrics: tuple[Metric, ...],
    server: ApiServer,
    request: RequestInfo,
) -> dict[str, Any]:
    resource = next((one for one in server.scheme if wanted.resource in _names(one)), None)
    if resource is None:
        raise NotFoundError(f"the server could not find the metric {wanted.metric}")
    selector = query.get("labelSelector", "")
    objects: tuple[ApiObject, ...] = server.list(
        resource.cls,
        namespace=wanted.namespace,
        label_selector=selector if wanted.name == "*" else "",
        request=request,
    ).items
    if wanted.name != "*":
        objects = tuple(one for one in objects if one.metadata.name == wanted.name)
    of_series = _selector(query, "metricLabelSelector")
    items = []
    for metric in metrics:
        described = metric.spec.described_object
        if (
            described is None
            or described.kind != resource.kind
            or metric.spec.metric != wanted.metric
            or not of_series.matches(metric.spec.labels)
        ):
            continue
        items += list(_values(metric, objects, wanted.version, resource.api_version, server.now))
    if not items:
        raise NotFoundError(
            f"the server could not find the metric {wanted.metric} for {wanted.resource}"
            + ("" if wanted.name == "*" else f" {wanted.name}")
        )
    return _list(wanted, "MetricValueList", items)


def _values(
    metric: Metric, objects: tuple[ApiObject, ...], version: str, api_version: str, now: float
) -> Iterator[dict[str, Any]]:
    described = metric.spec.described_object
    assert described is not None, "only those are asked for"
    chosen = [
        one
        for one in objects
        if (describes(metric, one) if isinstance(one, Pod) else one.metadata.name == described.name)
    ]
    value = millis(metric.spec.value)
    for one in chosen:
        share = value // len(chosen) if metric.spec.is_shared else value
        name: dict[str, Any] = (
            {"metricName": metric.spec.metric}
            if version == "v1beta1"
            else {"metric": {"name": metric.spec.metric, "selector": None}}
        )
        yield {
            "describedObject": {
                "kind": one.KIND,
                "namespace": one.metadata.namespace,
                "name": one.metadata.name,
                "apiVersion": f"/{api_version}" if "/" not in api_version else api_version,
            },
            **name,
            "timestamp": format_time(now),
            "value": quantity_of(share),
        }


def _names(resource: Any) -> tuple[str, ...]:
    return (resource.plural, resource.singular)


def _selector(query: Mapping[str, str], name: str) -> Any:
    try:
        return parse_selector(query.get(name, ""))
    except ValueError as error:
        raise BadRequestError(f"{name}: {error}") from error


def _list(wanted: MetricPath, kind: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": kind,
        "apiVersion": f"{wanted.group}/{wanted.version}",
        "metadata": {},
        "items": items,
    }
