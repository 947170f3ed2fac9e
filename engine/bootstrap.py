"""The objects a cluster begins with: namespaces, the service `kubernetes`, the DNS service."""

from typing import Any

import attrs

from engine.api.core import (
    ConfigMap,
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Namespace,
    Service,
    ServicePort,
    ServiceSpec,
)
from engine.api.discovery import Endpoint, EndpointConditions, EndpointSlice, SlicePort
from engine.api.frozen import FrozenDict
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.scheduling import SYSTEM_CLASSES, PriorityClass
from engine.api.scheme import SCHEME
from engine.api.snapshot import VolumeSnapshotClass
from engine.api.snapshot_definitions import definitions
from engine.api.storage import CSIDriver, CSIDriverSpec, StorageClass
from engine.apiserver.admission.storage import IS_DEFAULT
from engine.apiserver.api_services import built_in_services
from engine.apiserver.authorization.bootstrap import default_objects, with_missing
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.apiserver.flow_control import default_flow_control
from engine.apiserver.strategies.service_cidr import default_service_cidr
from engine.client.client import Client
from engine.config import ClusterConfig
from engine.cri.storage import CLOUD, LOCAL, NETWORK

AUTHORITY_CONFIG_MAP = ("extension-apiserver-authentication", "kube-system")
"""Name and namespace of the ConfigMap that says whom to trust."""

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def bootstrap(client: Client, config: ClusterConfig, ca: str) -> None:
    """Create what is missing of the objects every cluster has. Doing it again changes nothing.

    *ca* is the certificate of the cluster's authority (PEM).
    """
    for name in NAMESPACES:
        _ensure(client, Namespace(metadata=ObjectMeta(name=name)))
    for priority_class in _priority_classes():
        _ensure(client, priority_class)
    for definition in definitions():
        _ensure(client, definition)
    _ensure_storage(client)
    _ensure_snapshot_classes(client)
    for default in default_objects():
        _restore(client, default)
    for default in (*default_flow_control(), *built_in_services(SCHEME)):
        _ensure(client, default)
    _ensure(client, default_service_cidr(config.service_cidr))
    _publish_authority(client, ca)
    _ensure(client, _kubernetes_service(config))
    _ensure(client, _dns_service(config))
    addresses = [node.address for node in config.nodes if node.address]
    if addresses:
        _publish_dns(client, addresses[0])


def _ensure_storage(client: Client) -> None:
    """The drivers that are there, and, with a driver that is new, a class of storage for it."""
    for name, driver, mode in (
        ("local", LOCAL, "WaitForFirstConsumer"),
        ("network", NETWORK, "Immediate"),
        ("cloud", CLOUD, "WaitForFirstConsumer"),
    ):
        modes = ("Persistent",) if driver.is_attached else ("Persistent", "Ephemeral")
        spec = CSIDriverSpec(
            attach_required=driver.is_attached,
            fs_group_policy="File",
            volume_lifecycle_modes=modes,
        )
        try:
            client.create(CSIDriver(metadata=ObjectMeta(name=driver.name), spec=spec))
        except AlreadyExistsError:
            continue  # what became of its class is the users' business
        annotations = {IS_DEFAULT: "true"} if driver is LOCAL else {}
        _ensure(
            client,
            StorageClass(
                metadata=ObjectMeta(name=name, annotations=FrozenDict(annotations)),
                provisioner=driver.name,
                reclaim_policy="Delete",
                volume_binding_mode=mode,
                allow_volume_expansion=True,
            ),
        )


def _ensure_snapshot_classes(client: Client) -> None:
    """A class of snapshots for each driver, once the definitions of the kinds are accepted."""
    cls: Any = VolumeSnapshotClass
    scheme = client.server.scheme
    annotations = FrozenDict({"snapshot.storage.kubernetes.io/is-default-class": "true"})
    left = [("local", LOCAL), ("network", NETWORK), ("cloud", CLOUD)]

    def look() -> None:
        while left and scheme.class_for(cls.API_VERSION, cls.KIND) is not None:
            name, driver = left.pop()
            extra = FrozenDict({"driver": driver.name, "deletionPolicy": "Delete"})
            meta = ObjectMeta(name=name, annotations=annotations)
            _ensure(client, cls(metadata=meta, extra=extra))

    look()
    scheme.follow(lambda: client.link.loop.call_soon(look))


def _priority_classes() -> list[PriorityClass]:
    """Those that the parts of the cluster itself run with."""
    words = {
        "system-cluster-critical": "must run in the cluster, but can be moved to another node if "
        "necessary.",
        "system-node-critical": "must not be moved from their current node.",
    }
    return [
        PriorityClass(
            metadata=ObjectMeta(name=name),
            value=value,
            description=f"Used for system critical pods that {words[name]}",
        )
        for name, value in SYSTEM_CLASSES.items()
    ]


def _publish_authority(client: Client, ca: str) -> None:
    """Tell the cluster which authority signs the certificates of its clients."""
    name, namespace = AUTHORITY_CONFIG_MAP
    wanted = ConfigMap(
        metadata=ObjectMeta(name=name, namespace=namespace),
        data=FrozenDict({"client-ca-file": ca}),
    )
    try:
        known = client.get(ConfigMap, name, namespace=namespace)
    except NotFoundError:
        client.create(wanted)
        return
    if known.data != wanted.data:
        client.update(attrs.evolve(known, data=wanted.data))


def publish_apiserver(client: Client, address: str, port: int) -> None:
    """Let the service `kubernetes` lead to *address* and *port*."""
    _publish(client, "default", "kubernetes", address, (("https", "TCP", port),))


def _publish_dns(client: Client, address: str) -> None:
    """Say that the DNS server runs on the node with *address*."""
    _publish(
        client, "kube-system", "kube-dns", address, (("dns", "UDP", 53), ("dns-tcp", "TCP", 53))
    )


def _publish(
    client: Client,
    namespace: str,
    name: str,
    address: str,
    ports: tuple[tuple[str, str, int], ...],
) -> None:
    """Endpoints of a service whose backend is no pod, in both forms."""
    meta = ObjectMeta(name=name, namespace=namespace)
    subset = EndpointSubset(
        addresses=(EndpointAddress(ip=address),),
        ports=tuple(EndpointPort(name=n, port=port, protocol=kind) for n, kind, port in ports),
    )
    # Its slice is written below, so none is to be made of this.
    unmirrored = FrozenDict({"endpointslice.kubernetes.io/skip-mirror": "true"})
    _replace(client, Endpoints(metadata=attrs.evolve(meta, labels=unmirrored), subsets=(subset,)))
    labels = FrozenDict({"kubernetes.io/service-name": name})
    ready = Endpoint(addresses=(address,), conditions=EndpointConditions(ready=True))
    _replace(
        client,
        EndpointSlice(
            metadata=attrs.evolve(meta, labels=labels),
            endpoints=(ready,),
            ports=tuple(SlicePort(name=n, port=port, protocol=kind) for n, kind, port in ports),
        ),
    )


def _kubernetes_service(config: ClusterConfig) -> Service:
    labels = FrozenDict({"component": "apiserver", "provider": "kubernetes"})
    return Service(
        metadata=ObjectMeta(name="kubernetes", namespace="default", labels=labels),
        spec=ServiceSpec(
            type="ClusterIP",
            cluster_ip=config.api_ip,
            cluster_ips=(config.api_ip,),
            ports=(ServicePort(name="https", port=443, target_port=6443, protocol="TCP"),),
        ),
    )


def _dns_service(config: ClusterConfig) -> Service:
    labels = FrozenDict(
        {
            "k8s-app": "kube-dns",
            "kubernetes.io/cluster-service": "true",
            "kubernetes.io/name": "CoreDNS",
        }
    )
    return Service(
        metadata=ObjectMeta(name="kube-dns", namespace="kube-system", labels=labels),
        spec=ServiceSpec(
            type="ClusterIP",
            cluster_ip=config.dns_ip,
            cluster_ips=(config.dns_ip,),
            ports=(
                ServicePort(name="dns", port=53, target_port=53, protocol="UDP"),
                ServicePort(name="dns-tcp", port=53, target_port=53, protocol="TCP"),
            ),
        ),
    )


def _ensure(client: Client, obj: ApiObject) -> None:
    try:
        client.create(obj)
    except AlreadyExistsError:
        return


def _restore(client: Client, wanted: ApiObject) -> None:
    """Create a default role or binding, or give back what somebody took from it."""
    meta = wanted.metadata
    try:
        client.create(wanted)
    except AlreadyExistsError:
        found = client.get(type(wanted), meta.name, namespace=meta.namespace)
        mended = with_missing(found, wanted)
        if mended is not found:
            client.update(mended)


def _replace(client: Client, obj: ApiObject) -> None:
    meta = obj.metadata
    try:
        current = client.get(type(obj), meta.name, namespace=meta.namespace)
    except NotFoundError:
        client.create(obj)
        return
    version = current.metadata.resource_version
    client.update(attrs.evolve(obj, metadata=attrs.evolve(meta, resource_version=version)))
