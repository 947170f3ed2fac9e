"""Approves, signs and clears away CertificateSigningRequests.

Source: pkg/controller/certificates (approver, signer, cleaner), kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.certificates import CertificateSigningRequest
from engine.api.meta import Condition, condition_of
from engine.apiserver.authentication.certificates import Authority
from engine.apiserver.authorization.access import Access
from engine.apiserver.errors import ConflictError, ForbiddenError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.certificates.signing import (
    SIGNERS,
    auto_approvals,
    not_after,
    refusal,
    sign,
)
from engine.controllers.controller import QueueController

DECIDED_KEPT = 3600.0
"""Seconds for which a decided or failed request is kept."""

PENDING_KEPT = 86_400.0
"""Seconds for which a request is kept that nobody decides on."""


def expires_at(obj: CertificateSigningRequest) -> float | None:
    """When *obj* is cleared away."""
    created = obj.metadata.creation_timestamp
    if created is None:
        return None
    times = [created + PENDING_KEPT]
    for type_ in ("Approved", "Denied", "Failed"):
        condition = condition_of(obj.status.conditions, type_)
        if condition is not None and condition.status == "True":
            since = condition.last_update_time or condition.last_transition_time or created
            times.append(since + DECIDED_KEPT)
            if type_ == "Approved":
                times = times[1:]
    if obj.status.certificate:
        times.append(not_after(obj.status.certificate))
    return min(times)


@attrs.define(eq=False)
class CertificateController(QueueController):
    """Signs what has been approved, with the *authority* of the cluster; without one, nothing.

    Client certificates of nodes are approved for those that roles allow it; all else is for people.
    """

    QUEUE: ClassVar[str] = "certificates"

    authority: Authority | None = None
    _requests: Informer[CertificateSigningRequest] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._requests = self.informers.informer(CertificateSigningRequest)
        self._requests.add_handler(self.enqueue)

    def reconcile(self, key: str) -> Result | None:
        """Take one request a step further."""
        found = self._requests.lister.by_key(key)
        if found is None:
            return None
        expires = expires_at(found)
        if expires is not None and expires <= self.loop.now:
            self._delete(found)
            return None
        conditions = found.status.conditions
        decided = any(condition_of(conditions, type_) for type_ in ("Approved", "Denied"))
        reason = "" if decided else self._approval(found)
        if reason:
            approved = _condition("Approved", "AutoApproved", reason)
            self._write(found, approved, "approval")
        elif (
            condition_of(conditions, "Approved") is not None
            and condition_of(conditions, "Denied") is None
            and condition_of(conditions, "Failed") is None
            and not found.status.certificate
            and found.spec.signer_name in SIGNERS
        ):
            self._sign(found)
        return None if expires is None else Result(requeue_after=expires - self.loop.now)

    def _approval(self, found: CertificateSigningRequest) -> str:
        """Why the request is approved without asking anybody; empty if it is not."""
        spec = found.spec
        for subresource, why in auto_approvals(found):
            access = Access(
                spec.username,
                spec.groups,
                "create",
                "certificates.k8s.io",
                "certificatesigningrequests",
                subresource,
            )
            try:
                self.client.server.check(access)
            except ForbiddenError:
                continue
            return why
        return ""

    def _sign(self, found: CertificateSigningRequest) -> None:
        why = refusal(found)
        if why:
            self._write(found, _condition("Failed", "SignerValidationFailure", why), "status")
            return
        if self.authority is None:
            return
        # Serial numbers follow from the request, so that a replayed run issues the same ones.
        serial = int(found.metadata.uid.replace("-", "")[:15] or "1", 16) or 1
        made = sign(self.authority, found, now=self.loop.now, serial=serial)
        status = attrs.evolve(found.status, certificate=made)
        self.client.update_status(attrs.evolve(found, status=status))

    def _write(
        self, found: CertificateSigningRequest, condition: Condition, subresource: str
    ) -> None:
        conditions = (*found.status.conditions, condition)
        status = attrs.evolve(found.status, conditions=conditions)
        self.client.update_subresource(attrs.evolve(found, status=status), subresource)

    def _delete(self, found: CertificateSigningRequest) -> None:
        meta = found.metadata
        try:
            self.client.delete(CertificateSigningRequest, meta.name, uid=meta.uid)
        except (NotFoundError, ConflictError):
            return


def _condition(type_: str, reason: str, message: str) -> Condition:
    return Condition(type=type_, status="True", reason=reason, message=message)
