"""Which signing requests may be signed, and what the certificate says. Pure.

Source: pkg/controller/certificates/signer, pkg/apis/certificates/helpers.go, kubernetes v1.34.
"""

import base64
import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from engine.api.certificates import CertificateSigningRequest
from engine.apiserver.authentication.certificates import Authority

API_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY = "kubernetes.io/legacy-unknown"
SIGNERS = (API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY)

LONGEST = 31_536_000.0
"""Seconds a certificate is valid at most: a year."""

_BACKDATE = 300.0
_NODES = "system:nodes"
_NODE_PREFIX = "system:node:"
_PLAIN = frozenset(
    {
        "signing",
        "digital signature",
        "content commitment",
        "key encipherment",
        "data encipherment",
        "key agreement",
        "crl sign",
    }
)
_SAN_WORDS: dict[type[x509.GeneralName], str] = {
    x509.DNSName: "DNS",
    x509.RFC822Name: "Email",
    x509.IPAddress: "IP",
    x509.UniformResourceIdentifier: "URI",
}
_EXTENDED = {
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


def request_of(obj: CertificateSigningRequest) -> x509.CertificateSigningRequest:
    """The PKCS #10 request inside *obj*.

    Raises:
        ValueError: it cannot be read.
    """
    return x509.load_pem_x509_csr(base64.b64decode(obj.spec.request))


def refusal(obj: CertificateSigningRequest) -> str:
    """Why the signer of *obj* must not sign it; empty if it may."""
    signer, usages = obj.spec.signer_name, frozenset(obj.spec.usages)
    if signer == LEGACY:
        return ""
    try:
        request = request_of(obj)
    except ValueError as error:
        return f"unable to parse csr: {error}"
    if signer == API_CLIENT:
        return _client_usages(usages)
    if signer == KUBELET_CLIENT:
        return _node_subject(request) or _alternatives(request) or _kubelet_usages(usages)
    names = _san(request)
    if not any(isinstance(name, x509.DNSName | x509.IPAddress) for name in names):
        return "DNS or IP subjectAltName is required"
    for kind in (x509.RFC822Name, x509.UniformResourceIdentifier):
        if any(isinstance(name, kind) for name in names):
            return f"{_SAN_WORDS[kind]} subjectAltNames are not allowed"
    return _node_subject(request) or _serving_usages(usages)


def sign(authority: Authority, obj: CertificateSigningRequest, *, now: float, serial: int) -> str:
    """The certificate that *obj* asks for (base64 of PEM).

    Raises:
        ValueError: the request cannot be read.
    """
    request = request_of(obj)
    wished = obj.spec.expiration_seconds
    seconds = LONGEST if wished is None else min(LONGEST, float(wished))
    end = min(now + seconds, authority.certificate.not_valid_after_utc.timestamp())
    usages = frozenset(obj.spec.usages)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(request.public_key())
        .serial_number(serial)
        .not_valid_before(_utc(now - _BACKDATE))
        .not_valid_after(_utc(end))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
    )
    if usages & _PLAIN:
        # Without a single bit the extension would make the certificate invalid.
        builder = builder.add_extension(_key_usage(usages), critical=True)
    extended = [_EXTENDED[usage] for usage in sorted(usages) if usage in _EXTENDED]
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    names = _san(request)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(authority.key, SHA256(), ecdsa_deterministic=True)
    return base64.b64encode(made.public_bytes(Encoding.PEM)).decode()


def auto_approvals(obj: CertificateSigningRequest) -> tuple[tuple[str, str], ...]:
    """What could approve *obj* without asking anybody: the subresource to be allowed, and why.

    Whoever may create the subresource ``selfnodeclient`` gets the client certificate of the node
    that it is, and whoever may create ``nodeclient`` that of any node.

    Source: pkg/controller/certificates/approver/sarapprove.go, kubernetes v1.34.
    """
    if obj.spec.signer_name != KUBELET_CLIENT or refusal(obj):
        return ()
    after = "after SubjectAccessReview."
    found = (("nodeclient", f"Auto approving kubelet client certificate {after}"),)
    if obj.spec.username == _common_name(request_of(obj)):
        mine = f"Auto approving self kubelet client certificate {after}"
        return (("selfnodeclient", mine), *found)
    return found


def not_after(certificate: str) -> float:
    """When a certificate (base64 of PEM) runs out, epoch seconds; 0 if it cannot be read."""
    try:
        loaded = x509.load_pem_x509_certificate(base64.b64decode(certificate))
    except ValueError:
        return 0.0
    return loaded.not_valid_after_utc.timestamp()


def _client_usages(usages: frozenset[str]) -> str:
    allowed = {"client auth", "digital signature", "key encipherment"}
    for usage in sorted(usages - allowed):
        return f"invalid usage for client certificate: {usage}"
    if "client auth" not in usages:
        return "missing required usage for client certificate: client auth"
    return ""


def _kubelet_usages(usages: frozenset[str]) -> str:
    allowed = ("client auth", "digital signature", "key encipherment")
    if usages not in (frozenset(allowed), frozenset(allowed[:2])):
        return f"usages did not match {_listed(allowed)}"
    return ""


def _serving_usages(usages: frozenset[str]) -> str:
    allowed = ("digital signature", "key encipherment", "server auth")
    if not {"digital signature", "server auth"} <= usages or usages - set(allowed):
        return f"usages did not match {_listed(allowed)}"
    return ""


def _listed(usages: Sequence[str]) -> str:
    return "[" + " ".join(usages) + "]"


def _node_subject(request: x509.CertificateSigningRequest) -> str:
    groups = [
        str(item.value)
        for item in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    if groups != [_NODES]:
        return "subject organization is not system:nodes"
    if not _common_name(request).startswith(_NODE_PREFIX):
        return "subject common name does not begin with system:node: "
    return ""


def _alternatives(request: x509.CertificateSigningRequest) -> str:
    for kind, words in _SAN_WORDS.items():
        if any(isinstance(name, kind) for name in _san(request)):
            return f"{words} subjectAltNames are not allowed"
    return ""


def _common_name(request: x509.CertificateSigningRequest) -> str:
    found = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _san(request: x509.CertificateSigningRequest) -> tuple[x509.GeneralName, ...]:
    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value)


def _key_usage(usages: frozenset[str]) -> x509.KeyUsage:
    agreement = "key agreement" in usages
    return x509.KeyUsage(
        digital_signature=bool({"digital signature", "signing"} & usages),
        content_commitment="content commitment" in usages,
        key_encipherment="key encipherment" in usages,
        data_encipherment="data encipherment" in usages,
        key_agreement=agreement,
        key_cert_sign=False,
        crl_sign="crl sign" in usages,
        encipher_only=agreement and "encipher only" in usages,
        decipher_only=agreement and "decipher only" in usages,
    )


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
