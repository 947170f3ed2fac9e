"""How a service's endpoints are spread over slices, with as few writes as possible. Pure.

Source: reconciler.go of k8s.io/endpointslice, kubernetes v1.34.
"""

from collections.abc import Mapping, Sequence

import attrs

from engine.api.core import Service
from engine.api.discovery import Endpoint, EndpointConditions, EndpointSlice, SlicePort
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ObjectMeta, ObjectReference
from engine.api.node import Node
from engine.api.pod import Pod
from engine.controllers.ownership import controller_reference
from engine.controllers.pod_state import is_ready
from engine.controllers.service_pods import can_be_endpoint, endpoint_hostname, resolve_ports

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
ZONE = "topology.kubernetes.io/zone"
CAPACITY = 100
"""Endpoints in one slice at most."""

Ports = tuple[SlicePort, ...]


@attrs.frozen
class Changes:
    """What to write so that the slices show the endpoints."""

    create: tuple[EndpointSlice, ...]
    update: tuple[EndpointSlice, ...]
    delete: tuple[EndpointSlice, ...]


def endpoint_of(pod: Pod, service: Service, node: Node | None) -> Endpoint:
    """The pod as an endpoint of the service.

    It serves while it is ready, even while it terminates; it is ready if it serves and is not
    terminating, or if the service publishes addresses in any case.
    """
    serving = is_ready(pod)
    terminating = pod.metadata.deletion_timestamp is not None
    ready = service.spec.publish_not_ready_addresses or (serving and not terminating)
    return Endpoint(
        addresses=(pod.status.pod_ip,),
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        hostname=endpoint_hostname(pod, service) or None,
        node_name=pod.spec.node_name or None,
        target_ref=ObjectReference(
            kind="Pod",
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            uid=pod.metadata.uid,
        ),
        zone=node.metadata.labels.get(ZONE) if node is not None else None,
    )


def desired_endpoints(
    service: Service, pods: Sequence[Pod], nodes: Mapping[str, Node | None]
) -> dict[Ports, dict[str, Endpoint]]:
    """The endpoints by the ports they share and by their pod's uid."""
    desired: dict[Ports, dict[str, Endpoint]] = {}
    is_headless = service.spec.cluster_ip == "None"
    for pod in pods:
        if not can_be_endpoint(pod):
            continue
        ports = tuple(
            SlicePort(
                name=port.name,
                protocol=port.protocol,
                port=port.port,
                app_protocol=port.app_protocol,
            )
            for port in resolve_ports(service, pod)
        )
        if not ports and not (is_headless and not service.spec.ports):
            continue
        endpoint = endpoint_of(pod, service, nodes.get(pod.spec.node_name))
        desired.setdefault(ports, {})[pod.metadata.uid] = endpoint
    return desired


def slice_labels(service: Service) -> FrozenDict[str, str]:
    """The service's labels and those by which its slices are found."""
    labels = {**service.metadata.labels, SERVICE_NAME: service.metadata.name, MANAGED_BY: MANAGER}
    if service.spec.cluster_ip == "None":
        labels[HEADLESS] = ""
    else:
        labels.pop(HEADLESS, None)
    return FrozenDict(labels)


def plan(
    service: Service,
    desired: Mapping[Ports, Mapping[str, Endpoint]],
    existing: Sequence[EndpointSlice],
) -> Changes:
    """The fewest slices to write.

    An endpoint stays in the slice it is in. New ones go into slices that are written anyway, then
    into one that has room for them, then into new slices. One empty slice remains for a service
    that has no endpoints.
    """
    create: list[EndpointSlice] = []
    update: list[EndpointSlice] = []
    delete: list[EndpointSlice] = []
    by_ports: dict[Ports, list[EndpointSlice]] = {}
    for found in sorted(existing, key=lambda found: found.metadata.name):
        if found.ports in desired and found.address_type == "IPv4":
            by_ports.setdefault(found.ports, []).append(found)
        else:
            delete.append(found)
    for ports, endpoints in desired.items():
        made = _plan_ports(service, ports, endpoints, by_ports.get(ports, []))
        create += made.create
        update += made.update
        delete += made.delete
    if not desired:
        labels = slice_labels(service)
        kept = delete.pop(0) if delete else None
        if kept is None:
            create.append(_new_slice(service, (), ()))
        elif kept.endpoints or kept.ports or kept.metadata.labels != labels:
            metadata = attrs.evolve(kept.metadata, labels=labels)
            update.append(attrs.evolve(kept, metadata=metadata, endpoints=(), ports=()))
    elif create and delete and not delete[0].ports:
        # The placeholder of a service that had no endpoints becomes its first slice.
        first, spare = create.pop(0), delete.pop(0)
        metadata = attrs.evolve(spare.metadata, labels=first.metadata.labels)
        update.append(
            attrs.evolve(spare, metadata=metadata, endpoints=first.endpoints, ports=first.ports)
        )
    return Changes(tuple(create), tuple(update), tuple(delete))


def _plan_ports(
    service: Service,
    ports: Ports,
    endpoints: Mapping[str, Endpoint],
    existing: Sequence[EndpointSlice],
) -> Changes:
    labels = slice_labels(service)
    left = dict(endpoints)
    contents: dict[str, list[Endpoint]] = {}
    is_written: dict[str, bool] = {}
    for found in existing:
        kept = []
        for endpoint in found.endpoints:
            uid = endpoint.target_ref.uid if endpoint.target_ref is not None else ""
            wanted = left.pop(uid, None)
            if wanted is not None:
                kept.append(wanted)
        name = found.metadata.name
        contents[name] = kept
        is_written[name] = tuple(kept) != found.endpoints or found.metadata.labels != labels
    waiting = list(left.values())
    for name in sorted(contents, key=lambda name: (not is_written[name], -len(contents[name]))):
        room = CAPACITY - len(contents[name])
        if waiting and room > 0 and (is_written[name] or room >= len(waiting)):
            contents[name] += waiting[:room]
            waiting = waiting[room:]
            is_written[name] = True
    create = [
        _new_slice(service, ports, tuple(waiting[start : start + CAPACITY]))
        for start in range(0, len(waiting), CAPACITY)
    ]
    update, delete = [], []
    for found in existing:
        name = found.metadata.name
        if not contents[name]:
            delete.append(found)
        elif is_written[name]:
            metadata = attrs.evolve(found.metadata, labels=labels)
            update.append(attrs.evolve(found, metadata=metadata, endpoints=tuple(contents[name])))
    return Changes(tuple(create), tuple(update), tuple(delete))


def _new_slice(service: Service, ports: Ports, endpoints: tuple[Endpoint, ...]) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=f"{service.metadata.name}-",
            namespace=service.metadata.namespace,
            labels=slice_labels(service),
            annotations=EMPTY,
            owner_references=(controller_reference(service),),
        ),
        address_type="IPv4",
        endpoints=endpoints,
        ports=ports,
    )
