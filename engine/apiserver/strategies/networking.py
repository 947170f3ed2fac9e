"""Ingress, IngressClass and NetworkPolicy.

Source: pkg/apis/networking/v1/defaults.go, pkg/registry/networking, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.networking import NetworkPolicyPort
from engine.apiserver.errors import Cause
from engine.apiserver.network_validation import validate_ingress, validate_network_policy
from engine.apiserver.strategy import GenerationOnly, Strategy
from engine.apiserver.validation import invalid, required, unchanged

_OLD_CLASS = "kubernetes.io/ingress.class"


class IngressStrategy(Strategy):
    """Ingresses."""

    def validate(self, obj: Any) -> list[Cause]:
        """Rules, paths and backends."""
        return validate_ingress(obj.spec)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """The class by annotation is the old way."""
        if old is not None or _OLD_CLASS not in new.metadata.annotations:
            return []
        return [
            f"annotation \"{_OLD_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"
        ]


class IngressClassStrategy(GenerationOnly):
    """IngressClasses."""

    def default(self, obj: Any) -> Any:
        """Parameters are of the cluster."""
        parameters = obj.spec.parameters
        if not parameters or parameters.get("scope"):
            return obj
        parameters = parameters.with_items({"scope": "Cluster"})
        return attrs.evolve(obj, spec=attrs.evolve(obj.spec, parameters=parameters))

    def validate(self, obj: Any) -> list[Cause]:
        """A controller by a name with a domain."""
        controller = obj.spec.controller
        if not controller:
            return [required("spec.controller")]
        if "/" not in controller:
            message = 'must be a domain-prefixed path (such as "acme.io/foo")'
            return [invalid("spec.controller", controller, message)]
        return []

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The controller stays."""
        return unchanged("spec.controller", new.spec.controller, old.spec.controller)


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

    def validate(self, obj: Any) -> list[Cause]:
        """Selectors, peers and ports."""
        return validate_network_policy(obj.spec)


def _ports(ports: tuple[NetworkPolicyPort, ...]) -> tuple[NetworkPolicyPort, ...]:
    return tuple([attrs.evolve(port, protocol=port.protocol or "TCP") for port in ports])
