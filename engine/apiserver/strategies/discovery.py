"""EndpointSlices: the defaults of their ports.

Source: pkg/apis/discovery/v1/defaults.go, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.discovery import EndpointSlice, SlicePort
from engine.apiserver.strategy import GenerationOnly


class EndpointSliceStrategy(GenerationOnly):
    """EndpointSlices."""

    def default(self, obj: Any) -> Any:
        """Every port with a name, if an empty one, and a protocol."""
        piece: EndpointSlice = obj
        if all(port.name is not None and port.protocol for port in piece.ports):
            return piece
        return attrs.evolve(piece, ports=tuple(_filled(port) for port in piece.ports))


def _filled(port: SlicePort) -> SlicePort:
    return attrs.evolve(port, name=port.name or "", protocol=port.protocol or "TCP")
