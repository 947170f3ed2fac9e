"""certificates.k8s.io/v1: CertificateSigningRequest."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition
from engine.api.wire import Json, wire


@attrs.frozen(kw_only=True)
class CertificateSigningRequestSpec:
    """A PKCS #10 request (base64 of PEM), who is to sign it, what for, and who asks."""

    request: str = wire(always=True, default="")
    signer_name: str = wire(always=True, default="")
    expiration_seconds: int | None = None
    usages: tuple[str, ...] = ()
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    user_extra: FrozenDict[str, Json] = wire("extra", default=EMPTY)
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CertificateSigningRequestStatus:
    """Approved, Denied or Failed, and the certificate (base64 of PEM)."""

    conditions: tuple[Condition, ...] = ()
    certificate: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class CertificateSigningRequest(ApiObject):
    """The wish for a certificate."""

    API_VERSION: ClassVar[str] = "certificates.k8s.io/v1"
    KIND: ClassVar[str] = "CertificateSigningRequest"

    spec: CertificateSigningRequestSpec = wire(always=True, default=CertificateSigningRequestSpec())
    status: CertificateSigningRequestStatus = wire(
        always=True, default=CertificateSigningRequestStatus()
    )
