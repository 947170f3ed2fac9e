"""ServiceAccount tokens: made for an account and an audience, worth something while that is there.

Source: pkg/serviceaccount (claims.go, legacy.go), registry/core/serviceaccount/storage/token.go,
kubernetes v1.34.
"""

import base64
from collections.abc import Sequence
from typing import Any

import attrs

from engine.api.core import Secret, ServiceAccount
from engine.api.frozen import FrozenDict
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.scheme import SCHEME, Resource
from engine.apiserver.authentication.jwt import BadTokenError, TokenSigner
from engine.apiserver.authentication.user import UserInfo, service_account_user
from engine.apiserver.errors import BadRequestError, ConflictError, InvalidError
from engine.apiserver.storage import ObjectStorage
from engine.apiserver.validation import invalid
from engine.kernel.clock import Clock
from engine.kernel.rng import Stream, new_uid

SHORTEST_SECONDS = 600
LONGEST_SECONDS = 1 << 32
DEFAULT_SECONDS = 3600
# Pods of old clients never read their token again: one of 3607 s, which kubelets ask for, in fact
# lives a year, and who still uses it after its time is told on.
WARN_ONLY_SECONDS = 3607
_EXTENDED_SECONDS = 365 * 86_400
_LEEWAY = 60.0
_REMEMBERED = 2048

LEGACY_ISSUER = "kubernetes/serviceaccount"
LEGACY_TYPE = "kubernetes.io/service-account-token"
_LEGACY = "kubernetes.io/serviceaccount/"

_ACCOUNTS = SCHEME.resource_of(ServiceAccount)
_SECRETS = SCHEME.resource_of(Secret)
_PODS = SCHEME.resource_of(Pod)
_NODES = SCHEME.resource_of(Node)
_BOUND: dict[str, tuple[str, Resource]] = {
    "Pod": ("pod", _PODS),
    "Secret": ("secret", _SECRETS),
    "Node": ("node", _NODES),
}


@attrs.frozen(kw_only=True)
class TokenSpec:
    """What is asked of a new token.

    Attributes:
        audiences: whom it is for; empty for the API server.
        expiration_seconds: how long it is wanted.
        bound_kind: Pod, Secret or Node; with the name (and uid, if known) of the object without
            which the token is worth nothing. Empty for none.
    """

    audiences: tuple[str, ...] = ()
    expiration_seconds: int = DEFAULT_SECONDS
    bound_kind: str = ""
    bound_name: str = ""
    bound_uid: str = ""


@attrs.frozen(repr=False)
class IssuedToken:
    """A token and when whoever holds it should have another (epoch seconds)."""

    token: str
    expires: float


@attrs.define(eq=False, repr=False)
class ServiceAccountTokens:
    """Issues tokens and says whose they are, by the time of *clock*.

    Promises: a token is refused once it has expired, its account is gone or another of the same
    name, or the object it is bound to is gone or another.
    """

    storage: ObjectStorage
    signer: TokenSigner
    clock: Clock
    issuer: str
    _read: dict[str, dict[str, Any]] = attrs.field(factory=dict, init=False)

    @property
    def audiences(self) -> tuple[str, ...]:
        """Whom tokens are for that name nobody: us."""
        return (self.issuer,)

    def configuration(self, server: str) -> dict[str, Any]:
        """The OpenID discovery document of an issuer whose keys *server* (a URL) tells."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{server}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    # --- issuing ---

    def issue(self, namespace: str, name: str, spec: TokenSpec, stream: Stream) -> IssuedToken:
        """A token for the account *name*.

        Raises:
            NotFoundError: there is no such account, or no such object to bind to.
            ConflictError: the object to bind to has another uid.
            InvalidError: the time asked for is too short or too long.
            BadRequestError: a token cannot be bound to that object.
        """
        account: ServiceAccount = self.storage.read(_ACCOUNTS, namespace, name)
        _check_seconds(spec.expiration_seconds)
        private: dict[str, Any] = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account.metadata.uid},
        }
        private |= self._bound_claims(namespace, name, spec)
        now = int(self.clock.now)
        seconds = spec.expiration_seconds
        if (
            seconds == WARN_ONLY_SECONDS
            and spec.bound_kind == "Pod"
            and set(spec.audiences) <= set(self.audiences)
        ):
            private["warnafter"] = now + seconds
            seconds = _EXTENDED_SECONDS
        claims = {
            "aud": list(spec.audiences or self.audiences),
            "exp": now + seconds,
            "iat": now,
            "iss": self.issuer,
            "jti": new_uid(stream),
            "kubernetes.io": private,
            "nbf": now,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        return IssuedToken(self.signer.sign(claims), float(now + spec.expiration_seconds))

    def legacy(self, account: ServiceAccount, secret_name: str) -> str:
        """The token without an end that a Secret of the old kind holds."""
        meta = account.metadata
        return self.signer.sign(
            {
                "iss": LEGACY_ISSUER,
                f"{_LEGACY}namespace": meta.namespace,
                f"{_LEGACY}secret.name": secret_name,
                f"{_LEGACY}service-account.name": meta.name,
                f"{_LEGACY}service-account.uid": meta.uid,
                "sub": f"system:serviceaccount:{meta.namespace}:{meta.name}",
            }
        )

    def _bound_claims(self, namespace: str, account: str, spec: TokenSpec) -> dict[str, Any]:
        if not spec.bound_kind:
            return {}
        known = _BOUND.get(spec.bound_kind)
        if known is None:
            raise BadRequestError(f"cannot bind token to object of type {spec.bound_kind}")
        claim, resource = known
        found = self.storage.read(resource, namespace, spec.bound_name)
        uid = found.metadata.uid
        if spec.bound_uid and spec.bound_uid != uid:
            why = (
                f"the UID in the bound object reference ({spec.bound_uid}) does not match the UID "
                "in record. The object might have been deleted and then recreated"
            )
            raise ConflictError.of(resource.plural, spec.bound_name, why)
        claims: dict[str, Any] = {claim: {"name": spec.bound_name, "uid": uid}}
        if isinstance(found, Pod):
            if (found.spec.service_account_name or "default") != account:
                raise BadRequestError(
                    f'cannot bind token for serviceaccount "{account}" to pod running with '
                    "different serviceaccount name."
                )
            node = self.storage.find(_NODES, "", found.spec.node_name)
            if found.spec.node_name:
                claims["node"] = {"name": found.spec.node_name}
                if node is not None:
                    claims["node"]["uid"] = node.metadata.uid
        return claims

    # --- believing ---

    def authenticate(
        self, token: str, audiences: Sequence[str] = ()
    ) -> tuple[UserInfo, tuple[str, ...]]:
        """Whose token it is, and which of *audiences* (of ours, if empty) it is for.

        Raises:
            BadTokenError: it is not believed; the message says why.
        """
        claims = self._claims(token)
        wanted = tuple(audiences) or self.audiences
        if claims.get("iss") == LEGACY_ISSUER:
            return self._legacy_user(claims, token), wanted
        if claims.get("iss") != self.issuer:
            raise BadTokenError("it was issued by somebody else")
        given = claims.get("aud") or []
        meant = tuple(each for each in wanted if each in given)
        if not meant:
            msg = (
                f"token audiences {_quoted(given)} is invalid for the target audiences "
                f"{_quoted(wanted)}"
            )
            raise BadTokenError(msg)
        now = self.clock.now
        if now >= claims.get("exp", 0):
            raise BadTokenError("service account token has expired")
        if now < claims.get("nbf", 0):
            raise BadTokenError("service account token is not valid yet")
        return self._bound_user(claims), meant

    def _claims(self, token: str) -> dict[str, Any]:
        known = self._read.get(token)
        if known is None:
            known = self.signer.verify(token)
            if len(self._read) >= _REMEMBERED:
                del self._read[next(iter(self._read))]
            self._read[token] = known
        return known

    def _bound_user(self, claims: dict[str, Any]) -> UserInfo:
        private = claims["kubernetes.io"]
        namespace = private["namespace"]
        account = private["serviceaccount"]
        self._check(_ACCOUNTS, namespace, account, "service account")
        extra = {"authentication.kubernetes.io/credential-id": (f"JTI={claims['jti']}",)}
        for kind, (claim, resource) in _BOUND.items():
            bound = private.get(claim)
            if bound is None:
                continue
            # The node of a pod-bound token only says where the pod runs.
            if kind != "Node" or "pod" not in private:
                self._check(resource, namespace, bound, f"bound {claim}")
            if kind != "Secret":
                extra[f"authentication.kubernetes.io/{claim}-name"] = (bound["name"],)
                if bound.get("uid"):
                    extra[f"authentication.kubernetes.io/{claim}-uid"] = (bound["uid"],)
        return service_account_user(
            namespace, account["name"], uid=account["uid"], extra=FrozenDict(extra)
        )

    def _legacy_user(self, claims: dict[str, Any], token: str) -> UserInfo:
        namespace, name = claims[f"{_LEGACY}namespace"], claims[f"{_LEGACY}service-account.name"]
        uid = claims[f"{_LEGACY}service-account.uid"]
        self._check(_ACCOUNTS, namespace, {"name": name, "uid": uid}, "service account")
        secret = self.storage.find(_SECRETS, namespace, claims[f"{_LEGACY}secret.name"])
        if secret is None or token_of(secret) != token:
            raise BadTokenError("service account token has been invalidated")
        return service_account_user(namespace, name, uid=uid)

    def _check(self, resource: Resource, namespace: str, bound: dict[str, str], what: str) -> None:
        found = self.storage.find(resource, namespace, bound["name"])
        if found is None or found.metadata.uid != bound["uid"]:
            raise BadTokenError(f"{what} {bound['name']} is gone, its token has been invalidated")
        gone = found.metadata.deletion_timestamp
        if gone is not None and gone < self.clock.now - _LEEWAY:
            raise BadTokenError(f"{what} {bound['name']} has been deleted")


def token_of(secret: Secret) -> str:
    """The token that a Secret of the old kind holds; empty if it holds none yet."""
    try:
        return base64.b64decode(secret.data.get("token", "")).decode()
    except ValueError:
        return ""


def read_token_spec(value: dict[str, Any]) -> TokenSpec:
    """The ``spec`` of a TokenRequest.

    Raises:
        BadRequestError: a field is of another type than it should be.
    """
    spec = value.get("spec") or {}
    bound = spec.get("boundObjectRef") or {}
    seconds = spec.get("expirationSeconds")
    audiences = spec.get("audiences") or ()
    if not isinstance(seconds, int | None) or not isinstance(audiences, list | tuple):
        raise BadRequestError("TokenRequest: expirationSeconds is a number, audiences is a list")
    return TokenSpec(
        audiences=tuple(str(audience) for audience in audiences),
        expiration_seconds=DEFAULT_SECONDS if seconds is None else seconds,
        bound_kind=str(bound.get("kind") or ""),
        bound_name=str(bound.get("name") or ""),
        bound_uid=str(bound.get("uid") or ""),
    )


def _quoted(texts: Sequence[str]) -> str:
    return "[" + " ".join(f'"{text}"' for text in texts) + "]"


def _check_seconds(seconds: int) -> None:
    why = ""
    if seconds < SHORTEST_SECONDS:
        why = "may not specify a duration less than 10 minutes"
    elif seconds > LONGEST_SECONDS:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        cause = invalid("spec.expirationSeconds", seconds, why)
        raise InvalidError.of("TokenRequest", "", [cause], group="authentication.k8s.io")
