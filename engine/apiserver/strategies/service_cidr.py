"""ServiceCIDRs, the ranges that services get their addresses from, and IPAddresses, one for each.

Source: pkg/apis/networking/validation, pkg/registry/networking/servicecidr and ipaddress, and the
service-cidr-controller, kubernetes v1.34.
"""

import ipaddress
from typing import Any

from engine.api.codec import decode_as, format_time
from engine.api.frozen import EMPTY, freeze
from engine.api.meta import ApiObject
from engine.api.scheme import make_kind
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import Strategy, Surroundings, spec_of, with_status
from engine.apiserver.validation import invalid, required

_SERVICE_CIDR = make_kind("networking.k8s.io/v1", "ServiceCIDR")
_MOST = 2
_ONE_EACH = (
    "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
)


class ServiceCidrStrategy(Strategy):
    """ServiceCIDRs."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Ready from the start: nobody else has to agree."""
        condition = {
            "type": "Ready",
            "status": "True",
            "lastTransitionTime": format_time(around.now),
            "reason": "",
            "message": "Kubernetes Service CIDR is ready",
        }
        return with_status(obj, freeze({"conditions": [condition]}))

    def validate(self, obj: Any) -> list[Cause]:
        """One range, or one of each family."""
        cidrs = (spec_of(obj) or EMPTY).get("cidrs") or ()
        if not cidrs:
            return [required("spec.cidrs", "at least one CIDR required")]
        if len(cidrs) > _MOST:
            message = "may only hold up to 2 values"
            return [invalid("spec.cidrs", list(cidrs), message)]
        causes = []
        for index, cidr in enumerate(cidrs):
            if message := _cidr_fault(cidr):
                causes.append(invalid(f"spec.cidrs[{index}]", cidr, message))
        if not causes and len({":" in cidr for cidr in cidrs}) < len(cidrs):
            causes.append(invalid("spec.cidrs", list(cidrs), _ONE_EACH))
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The ranges stay."""
        before, after = (spec_of(one) or EMPTY for one in (old, new))
        if before.get("cidrs") == after.get("cidrs"):
            return []
        cidrs = list(after.get("cidrs") or ())
        return [invalid("spec.cidrs", cidrs, "field is immutable")]


def _cidr_fault(cidr: str) -> str:
    """What is wrong with a range; empty if nothing is."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
        address = ipaddress.ip_interface(cidr).ip
    except ValueError:
        return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    if "/" not in cidr:
        return "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    if address != network.network_address:
        return "must not have bits set beyond the prefix length"
    return "" if str(network) == cidr else f'must be in canonical form ("{network}")'


class IpAddressStrategy(Strategy):
    """IPAddresses: called by the address, held by one object for good."""

    def validate(self, obj: Any) -> list[Cause]:
        """An address in its usual form, and who holds it."""
        causes = []
        name = obj.metadata.name
        try:
            usual = str(ipaddress.ip_address(name))
        except ValueError:
            said = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            causes.append(invalid("metadata.name", name, said))
        else:
            if usual != name:
                said = f'must be in canonical form ("{usual}")'
                causes.append(invalid("metadata.name", name, said))
        parent = (spec_of(obj) or EMPTY).get("parentRef")
        if parent is None:
            return [*causes, required("spec.parentRef")]
        missing = [field for field in ("resource", "name") if not parent.get(field)]
        return [*causes, *(required(f"spec.parentRef.{field}") for field in missing)]

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The holder stays."""
        before, after = ((spec_of(one) or EMPTY).get("parentRef") for one in (old, new))
        if before == after:
            return []
        return [invalid("spec.parentRef", after, "field is immutable")]


def default_service_cidr(cidr: str) -> ApiObject:
    """The range that the cluster was made with."""
    return decode_as(_SERVICE_CIDR, {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": [cidr]}})
