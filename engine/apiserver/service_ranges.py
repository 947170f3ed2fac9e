"""The ranges that services get their addresses from: those of every ServiceCIDR that is ready.

Source: pkg/registry/core/service/ipallocator/cidrallocator.go (MetaAllocator), kubernetes v1.34.
"""

from functools import lru_cache
from ipaddress import IPv4Network, ip_network
from typing import Any

from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, make_kind
from engine.apiserver.keys import prefix_of
from engine.apiserver.strategy import Surroundings, spec_of, status_of
from engine.store.kv import prefix_end

_RESOURCE = SCHEME.resource_of(make_kind("networking.k8s.io/v1", "ServiceCIDR"))


def service_networks(around: Surroundings) -> tuple[IPv4Network, ...]:
    """The IPv4 ranges that addresses are given from: the oldest first.

    A server without any ServiceCIDR, which is one that no cluster was made with, has its own.
    """
    prefix = prefix_of(_RESOURCE)
    found = [kv.value for kv in around.storage.range(prefix, prefix_end(prefix)).kvs]
    if not found:
        return (_network(around.service_cidr),)
    usable = [one for one in found if is_ready(one) and one.metadata.deletion_timestamp is None]
    usable.sort(key=lambda one: (one.metadata.creation_timestamp or 0.0, one.metadata.name))
    return tuple([_network(cidr) for one in usable for cidr in ranges_of(one) if ":" not in cidr])


def ranges_of(service_cidr: ApiObject) -> tuple[str, ...]:
    """The ranges of one ServiceCIDR."""
    return tuple((spec_of(service_cidr) or EMPTY).get("cidrs") or ())


def is_ready(service_cidr: ApiObject) -> bool:
    """Whether addresses may be given from it."""
    conditions: Any = (status_of(service_cidr) or EMPTY).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


@lru_cache(maxsize=64)
def _network(cidr: str) -> IPv4Network:
    network = ip_network(cidr)
    assert isinstance(network, IPv4Network)
    return network
