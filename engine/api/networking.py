"""networking.k8s.io/v1: NetworkPolicy, Ingress and IngressClass."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, LabelSelector
from engine.api.wire import IntOrString, Json, wire


@attrs.frozen(kw_only=True)
class NetworkPolicyPort:
    """A port, or a range of them."""

    protocol: str | None = None
    port: IntOrString | None = None
    end_port: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IPBlock:
    """Addresses, less some."""

    cidr: str = wire(always=True, default="")
    except_: tuple[str, ...] = wire("except", default=())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NetworkPolicyPeer:
    """Pods by labels (theirs and their namespace's), or addresses."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NetworkPolicyIngressRule:
    """Who may come in, to which ports; nothing said is everything."""

    ports: tuple[NetworkPolicyPort, ...] = ()
    from_: tuple[NetworkPolicyPeer, ...] = wire("from", default=())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NetworkPolicyEgressRule:
    """Where the pods may go, to which ports; nothing said is everything."""

    ports: tuple[NetworkPolicyPort, ...] = ()
    to: tuple[NetworkPolicyPeer, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NetworkPolicySpec:
    """Which pods, and what may come to them and go from them."""

    pod_selector: LabelSelector = wire(always=True, default=LabelSelector())
    ingress: tuple[NetworkPolicyIngressRule, ...] = ()
    egress: tuple[NetworkPolicyEgressRule, ...] = ()
    policy_types: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class NetworkPolicy(ApiObject):
    """What traffic selected pods take and make."""

    API_VERSION: ClassVar[str] = "networking.k8s.io/v1"
    KIND: ClassVar[str] = "NetworkPolicy"

    spec: NetworkPolicySpec = wire(always=True, default=NetworkPolicySpec())


@attrs.frozen(kw_only=True)
class ServiceBackendPort:
    """A port of a service, by name or number."""

    name: str = ""
    number: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IngressServiceBackend:
    """A service and its port."""

    name: str = wire(always=True, default="")
    port: ServiceBackendPort = ServiceBackendPort()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IngressBackend:
    """Where requests go: a service, or another resource (a TypedLocalObjectReference)."""

    service: IngressServiceBackend | None = None
    resource: Json | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HTTPIngressPath:
    """A path and its backend."""

    path: str = ""
    path_type: str | None = None
    backend: IngressBackend = wire(always=True, default=IngressBackend())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HTTPIngressRuleValue:
    """Paths of one host."""

    paths: tuple[HTTPIngressPath, ...] = wire(always=True, default=())
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IngressRule:
    """A host (none for all) and its paths."""

    host: str = ""
    http: HTTPIngressRuleValue | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IngressTLS:
    """Hosts and the secret with their certificate."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IngressSpec:
    """Rules that lead requests to services."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Ingress(ApiObject):
    """Services by host and path, from outside."""

    API_VERSION: ClassVar[str] = "networking.k8s.io/v1"
    KIND: ClassVar[str] = "Ingress"

    spec: IngressSpec = wire(always=True, default=IngressSpec())
    status: Json = wire(always=True, default=FrozenDict({"loadBalancer": EMPTY}))


@attrs.frozen(kw_only=True)
class IngressClassSpec:
    """Which controller serves the ingresses of a class."""

    controller: str = ""
    parameters: Json | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class IngressClass(ApiObject):
    """A kind of ingress, by name."""

    API_VERSION: ClassVar[str] = "networking.k8s.io/v1"
    KIND: ClassVar[str] = "IngressClass"

    spec: IngressClassSpec = wire(always=True, default=IngressClassSpec())
