"""X.509 certificates of a cluster: its own authority, and what it issues. Pure: keys come in.

Source: kubeadm's certificates (CN and O of clients, names of the server), kubernetes v1.34.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = 86_400.0
AUTHORITY_DAYS = 3650
ISSUED_DAYS = 365

_CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@attrs.frozen(eq=False, repr=False)
class Authority:
    """Issues certificates in the name of one cluster. Its repr shows no key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The authority's own certificate, for those who are to trust it."""
        return pem_of(self.certificate)

    @property
    def validity(self) -> tuple[float, float]:
        """From when to when it counts, in epoch seconds."""
        begins, ends = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return begins.timestamp(), ends.timestamp()

    def issue_server(
        self, key: ec.EllipticCurvePublicKey, names: Sequence[str], *, now: float, serial: int
    ) -> x509.Certificate:
        """A certificate for a server that is reached under *names*, DNS names or addresses."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        builder = self._builder(subject, key, now, serial, ExtendedKeyUsageOID.SERVER_AUTH)
        return self._signed(builder.add_extension(alternatives, critical=False))

    def issue_client(
        self,
        key: ec.EllipticCurvePublicKey,
        user: str,
        groups: Sequence[str],
        *,
        now: float,
        serial: int,
        days: float = ISSUED_DAYS,
    ) -> x509.Certificate:
        """A certificate that makes its holder *user*, a member of *groups*."""
        subject = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups),
                x509.NameAttribute(NameOID.COMMON_NAME, user),
            ]
        )
        return self._signed(
            self._builder(subject, key, now, serial, ExtendedKeyUsageOID.CLIENT_AUTH, days)
        )

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        now: float,
        serial: int,
        usage: x509.ObjectIdentifier,
        days: float = ISSUED_DAYS,
    ) -> x509.CertificateBuilder:
        issuer = self.certificate
        key_usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.subject)
            .public_key(key)
            .serial_number(serial)
            .not_valid_before(_utc(now - DAY))
            .not_valid_after(_utc(now + days * DAY))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(authority_key, critical=False)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self.key, SHA256(), ecdsa_deterministic=True)


def make_authority(key: ec.EllipticCurvePrivateKey, *, now: float, serial: int) -> Authority:
    """An authority that trusts itself, for ten years from a day ago."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    key_usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=True,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(_utc(now - DAY))
        .not_valid_after(_utc(now + AUTHORITY_DAYS * DAY))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256(), ecdsa_deterministic=True)
    )
    return Authority(certificate, key)


def derive_key(number: int) -> ec.EllipticCurvePrivateKey:
    """The P-256 key that *number* leads to: what a simulated cluster signs with."""
    return ec.derive_private_key(number % (_CURVE_ORDER - 1) + 1, ec.SECP256R1())


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as text."""
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """A private key as text; whoever has it is its owner."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _utc(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), tz=dt.UTC)
