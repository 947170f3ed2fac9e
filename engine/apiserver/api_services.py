"""APIServices: which group versions are served, here or by a service; those served here register.

Source: kube-aggregator pkg/controllers/autoregister and status/local, kubernetes v1.34.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import attrs

from engine.api.codec import decode_as, format_time
from engine.api.frozen import EMPTY, freeze
from engine.api.meta import ApiObject
from engine.api.scheme import Resource, Scheme, make_kind
from engine.apiserver.errors import AlreadyExistsError, Cause, NotFoundError
from engine.apiserver.keys import prefix_of
from engine.apiserver.request import RequestInfo
from engine.apiserver.strategy import StatusAlone, Surroundings, with_status
from engine.apiserver.validation import invalid
from engine.kernel.loop import Loop
from engine.store.kv import prefix_end
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch

API_SERVICE = make_kind("apiregistration.k8s.io/v1", "APIService")
_MANAGED = "kube-aggregator.kubernetes.io/automanaged"
_REQUEST = RequestInfo(user="system:apiserver", groups=("system:masters",))
_CUSTOM = (1000, 100)
_PRIORITIES: Mapping[str, int] = {
    "": 18000, "apps": 17800, "events.k8s.io": 17750, "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600, "autoscaling": 17500, "batch": 17400,
    "certificates.k8s.io": 17300, "networking.k8s.io": 17200, "policy": 17100,
    "rbac.authorization.k8s.io": 17000, "storage.k8s.io": 16800, "apiextensions.k8s.io": 16700,
    "admissionregistration.k8s.io": 16700, "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500, "node.k8s.io": 16300, "discovery.k8s.io": 16200,
    "flowcontrol.apiserver.k8s.io": 16100, "resource.k8s.io": 15900,
}  # fmt: skip
_OWN = "apiregistration.k8s.io"
_METRICS = "metrics.k8s.io"
# Served without resources of the scheme: what is in them is what metrics have been told.
_METRIC_VERSIONS = (
    ("custom.metrics.k8s.io", "v1beta1"),
    ("custom.metrics.k8s.io", "v1beta2"),
    ("external.metrics.k8s.io", "v1beta1"),
)


class ApiServiceStrategy(StatusAlone):
    """APIServices: what is served here is available; a service behind another is not asked."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """With a status that says whether it can be reached."""
        service = obj.extra.get("spec", EMPTY).get("service")
        if service is None:
            said = ("True", "Local", "Local APIServices are always available")
        elif obj.metadata.name.endswith(f".{_METRICS}"):
            said = ("True", "Passed", "all checks passed")
        else:
            where = f'service/{service.get("name", "")} in "{service.get("namespace", "")}"'
            said = ("False", "ServiceNotFound", f"{where} is not present")
        condition = {
            "type": "Available",
            "status": said[0],
            "lastTransitionTime": format_time(around.now),
            "reason": said[1],
            "message": said[2],
        }
        return with_status(obj, freeze({"conditions": [condition]}))

    def validate(self, obj: Any) -> list[Cause]:
        """It is called by what it serves."""
        spec = obj.extra.get("spec", EMPTY)
        wanted = f"{spec.get('version', '')}.{spec.get('group', '')}"
        if obj.metadata.name == wanted:
            return []
        message = f'must be `spec.version+"."+spec.group`: {wanted}'
        return [invalid("metadata.name", obj.metadata.name, message)]


def built_in_services(scheme: Iterable[Resource]) -> Iterator[ApiObject]:
    """One for each group version that every server has."""
    versions = {(one.group, one.version): one.custom for one in scheme}
    for (group, version), custom in sorted(versions.items(), key=lambda item: item[0]):
        if custom is None and group != _OWN:
            yield service_of(group, version, managed="onstart")
    for group, version in _METRIC_VERSIONS:
        yield service_of(group, version, managed="onstart")


def service_of(group: str, version: str, *, managed: str) -> ApiObject:
    """The APIService of a group version that this server serves."""
    minimum, priority = (_PRIORITIES.get(group, _CUSTOM[0]), 15)
    if group not in _PRIORITIES:
        minimum, priority = _CUSTOM
    spec: dict[str, Any] = {
        "group": group,
        "version": version,
        "groupPriorityMinimum": minimum,
        "versionPriority": 30 if (group, version) == ("autoscaling", "v2") else priority,
    }
    if group == _METRICS:
        spec["service"] = {"name": "metrics-server", "namespace": "kube-system", "port": 443}
        spec["insecureSkipTLSVerify"] = True
    metadata: dict[str, Any] = {"name": f"{version}.{group}", "labels": {_MANAGED: managed}}
    return decode_as(API_SERVICE, {"metadata": metadata, "spec": spec})


class Server(Protocol):
    """What the registration needs of the API server."""

    loop: Loop
    store: Store[Any]
    scheme: Scheme

    def create(self, obj: Any, *, request: RequestInfo) -> Any:
        """Store a new object."""
        ...

    def delete(self, cls: type[ApiObject], name: str, *, request: RequestInfo) -> Any:
        """Delete an object."""
        ...


@attrs.define(eq=False)
class CustomRegistration:
    """Registers the group versions of custom resources while they are served."""

    server: Server
    _known: dict[tuple[str, str], None] = attrs.field(factory=dict, init=False)
    _is_waiting: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        resource = self.server.scheme.by_path(
            "apiextensions.k8s.io", "v1", "customresourcedefinitions"
        )
        if resource is None:
            return
        prefix = prefix_of(resource)
        self._known = dict.fromkeys(self._served())
        self.server.store.watch(
            prefix, prefix_end(prefix), deliver=self._on_batch, name="apiserver"
        )

    def _on_batch(self, batch: WatchBatch[Any]) -> None:
        if batch.changes and not self._is_waiting:
            self._is_waiting = True
            self.server.loop.call_soon(self._reconcile)

    def _reconcile(self) -> None:
        self._is_waiting = False
        served = dict.fromkeys(self._served())
        for group, version in served:
            if (group, version) not in self._known:
                try:
                    made = service_of(group, version, managed="true")
                    self.server.create(made, request=_REQUEST)
                except AlreadyExistsError:
                    continue
        for group, version in self._known:
            if (group, version) not in served:
                try:
                    self.server.delete(API_SERVICE, f"{version}.{group}", request=_REQUEST)
                except NotFoundError:
                    continue
        self._known = served

    def _served(self) -> list[tuple[str, str]]:
        return sorted({(one.group, one.version) for one in self.server.scheme if one.custom})
