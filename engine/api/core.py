"""The rest of core/v1 that the engine reads: services, endpoints, config, namespaces."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, ObjectReference
from engine.api.wire import IntOrString, Json, wire


@attrs.frozen(kw_only=True)
class ServicePort:
    """A port of a service and where it leads."""

    port: int
    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None
    target_port: IntOrString | None = None
    node_port: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ServiceSpec:
    """Which pods a service stands for, and under which addresses."""

    type: str = ""
    selector: FrozenDict[str, str] = EMPTY
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = wire("clusterIP", default="")
    cluster_ips: tuple[str, ...] = wire("clusterIPs", default=())
    external_ips: tuple[str, ...] = wire("externalIPs", default=())
    external_name: str = ""
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str | None = None
    session_affinity: str = ""
    session_affinity_config: Json | None = None
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str | None = None
    external_traffic_policy: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Service(ApiObject):
    """One name and address for a changing set of pods."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Service"

    spec: ServiceSpec = ServiceSpec()
    status: Json = wire(always=True, default=FrozenDict({"loadBalancer": EMPTY}))


@attrs.frozen(kw_only=True)
class EndpointAddress:
    """One address behind a service."""

    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EndpointPort:
    """One port behind a service."""

    port: int
    name: str = ""
    protocol: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EndpointSubset:
    """Addresses that share the same ports."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Endpoints(ApiObject):
    """The addresses behind a service, in the older form."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Endpoints"

    subsets: tuple[EndpointSubset, ...] = ()


@attrs.frozen(kw_only=True)
class ConfigMap(ApiObject):
    """Settings as text (`data`) or base64 (`binary_data`)."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ConfigMap"

    data: FrozenDict[str, str] = EMPTY
    binary_data: FrozenDict[str, str] = EMPTY
    immutable: bool | None = None


@attrs.frozen(kw_only=True, repr=False)
class Secret(ApiObject):
    """Settings nobody should print. Values are base64; the repr never shows them."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Secret"

    type: str = ""
    data: FrozenDict[str, str] = EMPTY
    immutable: bool | None = None

    def __repr__(self) -> str:
        return f"Secret({self.key}, keys={sorted(self.data)})"


@attrs.frozen(kw_only=True)
class ServiceAccount(ApiObject):
    """Who a pod is when it talks to the API server."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ServiceAccount"

    secrets: tuple[Json, ...] = ()
    image_pull_secrets: tuple[Json, ...] = ()
    automount_service_account_token: bool | None = None


@attrs.frozen(kw_only=True)
class NamespaceSpec:
    """Finalizers that keep a namespace until its content is gone."""

    finalizers: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NamespaceStatus:
    """Active or Terminating, and what still stands in the way."""

    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Namespace(ApiObject):
    """A room of its own for names."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Namespace"

    spec: NamespaceSpec = wire(always=True, default=NamespaceSpec())
    status: NamespaceStatus = wire(always=True, default=NamespaceStatus())
