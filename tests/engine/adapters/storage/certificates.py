"""An authority of our own with a server's and a client's certificate, as files."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.engine.store.etcd_process import TlsFiles


def make_tls_files(folder: Path, name: str = "test") -> TlsFiles:
    """Write all files into *folder*, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} authority")])

    def issue(
        common: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool = False
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        # The JSON gateway calls etcd with the server's certificate, as a client.
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            x509.CertificateBuilder()
            .subject_name(issuer if is_authority else subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .sign(authority, hashes.SHA256())
        )

    def write(stem: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Path:
        path = folder / f"{stem}.crt"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        path.with_suffix(".key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    ca = write("ca", issue("authority", authority, is_authority=True), authority)
    files = []
    for stem in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        path = write(stem, issue(stem, key), key)
        files += [path, path.with_suffix(".key")]
    return TlsFiles(ca, *files)
