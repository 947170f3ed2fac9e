"""The cluster's keys on disk, and TLS made of them.

What is kept: the authority (ca.crt, ca.key) and the key of ServiceAccount tokens (sa.key). What
they sign for one run (the server's certificate, the administrator's) is made anew each time.
"""

import logging
import os
import secrets
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from engine.apiserver.authentication.certificates import (
    DAY,
    Authority,
    key_pem,
    make_authority,
    pem_of,
)
from engine.apiserver.authentication.identity import Identity
from engine.apiserver.authentication.jwt import TokenSigner
from engine.errors import ConfigError

log = logging.getLogger(__name__)

RENEWED_BEFORE = 30 * DAY
"""Seconds before it expires, at which an authority's certificate is renewed."""

_OWNER_ONLY = 0o600
# Forward secrecy and authenticated ciphers only. Level 0 is for clients that say nothing of
# signatures (busybox wget, in many pods): TLS 1.2 has them signed with SHA-1 then, as Go does too.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0"


@attrs.frozen(repr=False)
class Credentials:
    """A certificate and its key, as text (PEM). Its repr shows neither."""

    certificate: str
    key: str


def load_identity(folder: Path, *, now: float, keeps_tokens: bool = True) -> Identity:
    """The authority and the token key kept in *folder*, made at the first start.

    Without *keeps_tokens* the token key is a new one each time: no account outlives the process.

    Raises:
        ConfigError: the folder cannot be used, or a file in it is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = _load_authority(folder, now)
        signer = _load_key(folder / "sa.key") if keeps_tokens else _new_key()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = (
            f"the keys in {folder} cannot be used: {reason}; "
            "mend them, or remove ca.crt, ca.key and sa.key together to begin anew"
        )
        raise ConfigError(msg) from error
    return Identity(authority, TokenSigner(signer))


def server_context(identity: Identity, names: Sequence[str], *, now: float) -> ssl.SSLContext:
    """TLS for a server reached under *names*; clients may show a certificate of our authority."""
    key = _new_key()
    certificate = identity.authority.issue_server(
        key.public_key(), tuple(dict.fromkeys(names)), now=now, serial=_serial()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(cadata=identity.ca)
    load_credentials(context, Credentials(pem_of(certificate), key_pem(key)))
    return context


def client_credentials(
    identity: Identity, user: str, groups: Sequence[str], *, now: float
) -> Credentials:
    """What makes its holder *user*, for a year."""
    key = _new_key()
    certificate = identity.authority.issue_client(
        key.public_key(), user, groups, now=now, serial=_serial()
    )
    return Credentials(pem_of(certificate), key_pem(key))


def load_credentials(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Let *context* show *credentials*."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        # OpenSSL reads them from files only; this one is readable for us alone.
        file.write(f"{credentials.certificate}\n{credentials.key}\n")
        file.flush()
        context.load_cert_chain(file.name)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in one step; leave one alone that is there."""
    draft = _private_draft(path, text)
    try:
        # A link fails where a rename would replace what another process has just written.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def identity_text(identity: Identity) -> dict[str, str]:
    """An identity as text (PEM), keys included: for a file that only its owner reads."""
    return {
        "certificate": identity.authority.pem,
        "key": key_pem(identity.authority.key),
        "tokens": key_pem(identity.signer.key),
    }


def identity_from_text(texts: Mapping[str, str]) -> Identity:
    """What `identity_text` has put down.

    Raises:
        ValueError: a text is no certificate or key.
    """
    certificate = x509.load_pem_x509_certificate(texts["certificate"].encode())
    keys = [load_pem_private_key(texts[name].encode(), None) for name in ("key", "tokens")]
    for key in keys:
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("no elliptic curve key")  # noqa: TRY004 - a damaged file
    return Identity(Authority(certificate, keys[0]), TokenSigner(keys[1]))  # type: ignore[arg-type]


def renew_authority(folder: Path, *, now: float) -> x509.Certificate:
    """Give the authority kept in *folder* a certificate for ten more years, with the same key.

    Who trusts the old certificate goes on to trust what the authority signs, until the old one
    expires: name and key are the same. A cluster that runs shows the new one from its next start.

    Raises:
        ConfigError: there is no authority, or the folder cannot be used.
    """
    path = folder / "ca.crt"
    if not path.exists() or not (folder / "ca.key").exists():
        raise ConfigError(f"there is no authority in {folder}: a cluster makes it at its start")
    try:
        authority = _load_authority(folder, now)
        renewed = make_authority(authority.key, now=now, serial=_serial())
        _replace_private(path, renewed.pem)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the authority in {folder} cannot be renewed: {error}") from error
    return renewed.certificate


def authority_certificate(folder: Path) -> x509.Certificate:
    """The certificate of the authority kept in *folder*.

    Raises:
        ConfigError: there is none, or it is damaged.
    """
    try:
        return x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"there is no certificate to read in {folder}: {error}") from error


def _load_authority(folder: Path, now: float) -> Authority:
    """Certificate and key are kept in one file each; the key comes first and decides.

    A certificate that is about to expire is renewed.
    """
    key = _load_key(folder / "ca.key")
    path = folder / "ca.crt"
    if not path.exists():
        write_private(path, make_authority(key, now=now, serial=_serial()).pem)
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    if certificate.public_key() != key.public_key():
        raise ValueError("ca.crt and ca.key do not belong together")
    left = certificate.not_valid_after_utc.timestamp() - now
    if left < RENEWED_BEFORE:
        renewed = make_authority(key, now=now, serial=_serial())
        _replace_private(path, renewed.pem)
        log.warning("renewed the authority path=%s days_left=%d", path, left / DAY)
        return renewed
    return Authority(certificate, key)


def _replace_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads in place of another, in one step."""
    _private_draft(path, text).replace(path)


def _private_draft(path: Path, text: str) -> Path:
    """*text* on disk beside *path*, for its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return draft


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        write_private(path, key_pem(_new_key()))
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        msg = f"{path.name} is no elliptic curve key"
        raise ValueError(msg)  # noqa: TRY004 - a damaged file, not a wrong argument
    return key


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _serial() -> int:
    return secrets.randbits(64) | 1
