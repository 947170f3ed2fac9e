"""Ingress, IngressClass and NetworkPolicy.

Source: pkg/apis/networking/v1/defaults.go, pkg/registry/networking, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.networking import NetworkPolicyPort
from engine.apiserver.strategy import GenerationOnly, Strategy


class IngressStrategy(Strategy):
    """Ingresses."""


class IngressClassStrategy(GenerationOnly):
    """IngressClasses."""

    def default(self, obj: Any) -> Any:
        """Parameters are of the cluster."""
        parameters = obj.spec.parameters
        if not parameters or parameters.get("scope"):
            return obj
        parameters = parameters.with_items({"scope": "Cluster"})
        return attrs.evolve(obj, spec=attrs.evolve(obj.spec, parameters=parameters))


class NetworkPolicyStrategy(GenerationOnly):
    """NetworkPolicies."""

    def default(self, obj: Any) -> Any:
        """TCP ports; about egress only if there are rules for it."""
        spec = obj.spec
        types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
        spec = attrs.evolve(
            spec,
            policy_types=types,
            ingress=tuple([attrs.evolve(rule, ports=_ports(rule.ports)) for rule in spec.ingress]),
            egress=tuple([attrs.evolve(rule, ports=_ports(rule.ports)) for rule in spec.egress]),
        )
        return attrs.evolve(obj, spec=spec)


def _ports(ports: tuple[NetworkPolicyPort, ...]) -> tuple[NetworkPolicyPort, ...]:
    return tuple([attrs.evolve(port, protocol=port.protocol or "TCP") for port in ports])
