"""Signed tokens (RFC 7519, ES256): claims in, text out, and back. Knows no Kubernetes.

Signatures are deterministic (RFC 6979), so a run with the same key makes the same tokens.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SIGNING = ec.ECDSA(SHA256(), deterministic_signing=True)
_CHECKING = ec.ECDSA(SHA256())
_SIZE = 32


class BadTokenError(Exception):
    """The text is no token that one of our keys signed; the message says why."""


@attrs.frozen(eq=False, repr=False)
class TokenSigner:
    """Signs with *key* and believes what it or one of *former* keys has signed."""

    key: ec.EllipticCurvePrivateKey
    former: Sequence[ec.EllipticCurvePublicKey] = ()
    key_id: str = attrs.field(init=False)
    _known: Mapping[str, ec.EllipticCurvePublicKey] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        public = self.key.public_key()
        object.__setattr__(self, "key_id", key_id(public))
        known = {key_id(each): each for each in (public, *self.former)}
        object.__setattr__(self, "_known", known)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """*claims* as a token."""
        head = orjson.dumps({"alg": "ES256", "kid": self.key_id})
        signed = f"{_encode(head)}.{_encode(orjson.dumps(claims))}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), _SIGNING))
        return f"{signed}.{_encode(r.to_bytes(_SIZE) + s.to_bytes(_SIZE))}"

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of *token*; whether they hold now is for the caller to say.

        Raises:
            BadTokenError: none of our keys signed it.
        """
        signed, _, signature = token.rpartition(".")
        head, dot, body = signed.partition(".")
        try:
            header, raw = orjson.loads(_decode(head)), _decode(signature)
        except (binascii.Error, ValueError) as error:
            raise BadTokenError("it is no token in JWS form") from error
        if not dot or not isinstance(header, dict) or header.get("alg") != "ES256":
            raise BadTokenError("it is no token in JWS form with algorithm ES256")
        key = self._known.get(str(header.get("kid")))
        if key is None or len(raw) != 2 * _SIZE:
            raise BadTokenError("no key of ours has signed it")
        r, s = int.from_bytes(raw[:_SIZE]), int.from_bytes(raw[_SIZE:])
        try:
            key.verify(encode_dss_signature(r, s), signed.encode(), _CHECKING)
            claims = orjson.loads(_decode(body))
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise BadTokenError("its signature does not hold") from error
        if not isinstance(claims, dict):
            raise BadTokenError("its claims are no object")
        return claims

    def jwks(self) -> dict[str, Any]:
        """Our public keys as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [_jwk(name, key) for name, key in self._known.items()]}


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """The name of a public key: a hash of it.

    Source: keyIDFromPublicKey, pkg/serviceaccount/jwt.go, kubernetes v1.34.
    """
    form = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _encode(hashlib.sha256(form).digest())


def _jwk(name: str, key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {
        "use": "sig",
        "kty": "EC",
        "kid": name,
        "crv": "P-256",
        "alg": "ES256",
        "x": _encode(numbers.x.to_bytes(_SIZE)),
        "y": _encode(numbers.y.to_bytes(_SIZE)),
    }


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
