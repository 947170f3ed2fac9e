"""CertificateSigningRequests: what is asked for never changes, who decided what is kept apart.

Source: pkg/apis/certificates/validation, pkg/registry/certificates, kubernetes v1.34.
"""

import base64
import binascii
import re
from typing import Any

import attrs
from cryptography import x509

from engine.api.meta import Condition, condition_of
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import Strategy, Surroundings
from engine.apiserver.validation import forbidden, invalid, required, unsupported

SHORTEST = 600
"""Seconds a certificate must be asked for at least."""

USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_DECISIONS = ("Approved", "Denied")
_SIGNER = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")


class SigningRequestStrategy(Strategy):
    """Signing requests."""

    has_generation = False

    def for_subresource(self, subresource: str) -> Strategy | None:
        """``approval`` writes the decisions among the conditions."""
        return ApprovalStrategy() if subresource == "approval" else None

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """The spec and the status stay as they are."""
        del around
        return attrs.evolve(new, spec=old.spec, status=old.status)

    def prepare_for_status_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """The status but for the decisions, which have a subresource of their own."""
        others = tuple(c for c in new.status.conditions if c.type not in _DECISIONS)
        decided = tuple(c for c in old.status.conditions if c.type in _DECISIONS)
        conditions = with_times((*decided, *others), old.status.conditions, around)
        status = attrs.evolve(new.status, conditions=conditions)
        return attrs.evolve(old, metadata=new.metadata, status=status)

    def validate(self, obj: Any) -> list[Cause]:
        """A request that can be read, a signer and usages."""
        spec = obj.spec
        causes: list[Cause] = []
        try:
            text = base64.b64decode(spec.request, validate=True)
            x509.load_pem_x509_csr(text)
        except (ValueError, binascii.Error):
            message = "PEM block type must be CERTIFICATE REQUEST"
            causes.append(invalid("spec.request", spec.request, message))
        if not spec.usages:
            causes.append(required("spec.usages"))
        for index, usage in enumerate(spec.usages):
            if usage not in USAGES:
                causes.append(unsupported(f"spec.usages[{index}]", usage, USAGES))
        if not spec.signer_name:
            causes.append(required("spec.signerName"))
        elif not _SIGNER.fullmatch(spec.signer_name):
            form = "'example.com/signer-name'"
            message = f"must be a fully qualified domain and path of the form {form}"
            causes.append(invalid("spec.signerName", spec.signer_name, message))
        seconds = spec.expiration_seconds
        if seconds is not None and seconds < SHORTEST:
            message = "may not specify a duration less than 600 seconds (10 minutes)"
            causes.append(invalid("spec.expirationSeconds", seconds, message))
        return causes


class ApprovalStrategy(SigningRequestStrategy):
    """The decision on a signing request."""

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """The conditions alone, and the metadata."""
        conditions = with_times(new.status.conditions, old.status.conditions, around)
        status = attrs.evolve(old.status, conditions=conditions)
        return attrs.evolve(old, metadata=new.metadata, status=status)

    def validate(self, obj: Any) -> list[Cause]:
        """One decision, and it is final."""
        conditions = obj.status.conditions
        causes: list[Cause] = []
        if all(condition_of(conditions, type_) is not None for type_ in _DECISIONS):
            message = "Approved and Denied conditions are mutually exclusive"
            causes.append(invalid("status.conditions", "Denied", message))
        for index, condition in enumerate(conditions):
            if condition.type in _DECISIONS and condition.status != "True":
                field = f"status.conditions[{index}].status"
                causes.append(unsupported(field, condition.status, ("True",)))
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """A decision is not taken back."""
        return [
            forbidden("status.conditions", f"updates may not remove a condition of type {type_!r}")
            for type_ in _DECISIONS
            if condition_of(old.status.conditions, type_) is not None
            and condition_of(new.status.conditions, type_) is None
        ]


def with_times(
    new: tuple[Condition, ...], old: tuple[Condition, ...], around: Surroundings
) -> tuple[Condition, ...]:
    """*new* with the times of its conditions: kept where nothing changed, else now."""
    result = []
    for condition in new:
        known = condition_of(old, condition.type)
        is_same = known is not None and known.status == condition.status
        since = known.last_transition_time if known is not None and is_same else around.now
        updated = condition.last_update_time
        if updated is None:
            updated = known.last_update_time if known is not None and is_same else around.now
        result.append(
            attrs.evolve(
                condition,
                status=condition.status or "True",
                last_update_time=updated,
                last_transition_time=condition.last_transition_time or since,
            )
        )
    return tuple(result)
