"""EndpointSlices: their defaults and bounds.

Source: pkg/apis/discovery v1/defaults.go and validation, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.discovery import EndpointSlice, SlicePort
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import GenerationOnly
from engine.apiserver.validation import (
    duplicate,
    one_of,
    required,
    too_many,
    unchanged,
    unsupported,
)

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MOST_ENDPOINTS = 1000
_MOST_ADDRESSES = 100


class EndpointSliceStrategy(GenerationOnly):
    """EndpointSlices."""

    def default(self, obj: Any) -> Any:
        """Every port with a name, if an empty one, and a protocol."""
        piece: EndpointSlice = obj
        if all(port.name is not None and port.protocol for port in piece.ports):
            return piece
        return attrs.evolve(piece, ports=tuple(_filled(port) for port in piece.ports))

    def validate(self, obj: Any) -> list[Cause]:
        """One kind of addresses, not too many, each port once."""
        causes = one_of("addressType", obj.address_type, ("FQDN", "IPv4", "IPv6"))
        if len(obj.endpoints) > _MOST_ENDPOINTS:
            causes.append(too_many("endpoints", len(obj.endpoints), _MOST_ENDPOINTS))
        for index, endpoint in enumerate(obj.endpoints):
            count = len(endpoint.addresses)
            path = f"endpoints[{index}].addresses"
            if not count:
                causes.append(required(path, "must contain at least 1 address"))
            elif count > _MOST_ADDRESSES:
                causes.append(too_many(path, count, _MOST_ADDRESSES))
        names: dict[str, None] = {}
        for index, port in enumerate(obj.ports):
            if port.name in names:
                causes.append(duplicate(f"ports[{index}].name", port.name))
            names[port.name] = None
            if port.protocol and port.protocol not in _PROTOCOLS:
                causes.append(unsupported(f"ports[{index}].protocol", port.protocol, _PROTOCOLS))
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The kind of addresses stays."""
        return unchanged("addressType", new.address_type, old.address_type)


def _filled(port: SlicePort) -> SlicePort:
    return attrs.evolve(port, name=port.name or "", protocol=port.protocol or "TCP")
