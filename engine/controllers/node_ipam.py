"""Gives nodes that registered without one a range of pod addresses.

Nodes of our own kubelets come with theirs; those that somebody creates by hand do not.

Source: pkg/controller/nodeipam/ipam/range_allocator.go, kubernetes v1.34.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import ClassVar

import attrs

from engine.api.node import Node
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController

DEFAULT_CLUSTER_CIDR = "10.244.0.0/16"
NODE_PREFIX = 24
RETRY = 30.0


@lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        return None


def cluster_cidr(taken: Iterable[str]) -> ipaddress.IPv4Network:
    """The /16 that the ranges in use are part of."""
    for text in taken:
        network = _network(text)
        if network is not None and network.prefixlen >= 16:
            return network.supernet(new_prefix=16)
    return ipaddress.IPv4Network(DEFAULT_CLUSTER_CIDR)


def free_range(taken: Iterable[str]) -> str | None:
    """The first /24 of the cluster's range that overlaps none of *taken*; None if there is none."""
    busy = [network for text in taken if (network := _network(text)) is not None]
    whole = cluster_cidr(str(network) for network in busy)
    host_bits = 32 - NODE_PREFIX
    used = {int(network.network_address) >> host_bits for network in busy}
    first = int(whole.network_address) >> host_bits
    for number in range(first, first + (1 << (NODE_PREFIX - whole.prefixlen))):
        if number not in used:
            return f"{ipaddress.IPv4Address(number << host_bits)}/{NODE_PREFIX}"
    return None


@attrs.define(eq=False)
class NodeIpamController(QueueController):
    """Writes spec.podCIDR where it is missing; it is never changed afterwards."""

    QUEUE: ClassVar[str] = "node-ipam"

    _nodes: Informer[Node] = attrs.field(init=False)
    _given: dict[str, str] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._nodes = self.informers.informer(Node)
        self._nodes.add_handler(self._on_node)

    def reconcile(self, key: str) -> Result | None:
        """Give one node its range."""
        node = self._nodes.lister.by_key(key)
        if node is None:
            self._given.pop(key, None)
            return None
        if node.spec.pod_cidr:
            self._given[key] = node.spec.pod_cidr
            return None
        chosen = self._given.get(key) or free_range(self._taken())
        if chosen is None:
            message = f"Node {key} status is now: CIDRNotAvailable"
            self.recorder.normal(node, "CIDRNotAvailable", message)
            return Result(requeue_after=RETRY)
        self._given[key] = chosen
        spec = attrs.evolve(node.spec, pod_cidr=chosen, pod_cidrs=(chosen,))
        self.client.update(attrs.evolve(node, spec=spec))
        return None

    def _taken(self) -> list[str]:
        used = [node.spec.pod_cidr for node in self._nodes.lister if node.spec.pod_cidr]
        return sorted({*used, *self._given.values()})

    def _on_node(self, key: str, _old: Node | None, new: Node | None) -> None:
        if new is None or not new.spec.pod_cidr or key not in self._given:
            self.queue.add(key)
