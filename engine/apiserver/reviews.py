"""Reviews: answers that are not stored: who am I, whose is this token, what may somebody do.

Source: pkg/registry/authentication, pkg/registry/authorization, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.scheme import Resource
from engine.apiserver.authentication.jwt import BadTokenError
from engine.apiserver.authentication.service_accounts import ServiceAccountTokens
from engine.apiserver.authorization.access import Access
from engine.apiserver.authorization.authorizer import Authorizer
from engine.apiserver.authorization.node import node_of
from engine.apiserver.authorization.rules import ALL, Rule
from engine.apiserver.errors import BadRequestError, Cause, InvalidError, MethodNotAllowedError
from engine.apiserver.request import RequestInfo

_EVERYTHING = (
    Rule(verbs=(ALL,), groups=(ALL,), resources=(ALL,)),
    Rule(verbs=(ALL,), paths=(ALL,)),
)


@attrs.frozen(eq=False)
class Reviews:
    """Answers them; without an *authorizer* everybody may do everything, and the answers say so."""

    tokens: ServiceAccountTokens
    authorizer: Authorizer | None

    def review(
        self, resource: Resource, value: dict[str, Any], namespace: str, request: RequestInfo
    ) -> dict[str, Any]:
        """*value* with its status filled in.

        Raises:
            InvalidError: what is asked is not clear.
            BadRequestError: the namespaces do not match.
            MethodNotAllowedError: there is nothing to review.
        """
        spec = value.get("spec") or {}
        match resource.kind:
            case "SelfSubjectAccessReview":
                spec_user = {"user": request.user, "groups": list(request.groups)}
                status = self._access({**spec, **spec_user}, resource.kind)
            case "SubjectAccessReview":
                status = self._access(spec, resource.kind)
            case "LocalSubjectAccessReview":
                asked = (spec.get("resourceAttributes") or {}).get("namespace", "")
                if asked != namespace:
                    raise BadRequestError(
                        "spec.resourceAttributes.namespace must match namespace: "
                        f"{namespace}, not {asked}"
                    )
                status = self._access(spec, resource.kind)
            case "SelfSubjectRulesReview":
                status = self._rules(str(spec.get("namespace") or ""), request)
            case "SelfSubjectReview":
                status = {"userInfo": _user_info(request)}
            case "TokenReview":
                status = self._token(spec)
            case _:
                raise MethodNotAllowedError(f"{resource.kind} cannot be created")
        return {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": {"creationTimestamp": None},
            **({"spec": spec} if "spec" in value else {}),
            "status": status,
        }

    def _access(self, spec: Mapping[str, Any], kind: str) -> dict[str, Any]:
        wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
        if bool(wanted) == bool(path):
            why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            cause = Cause(field="spec.resourceAttributes", message=f"Invalid value: null: {why}")
            raise InvalidError.of(kind, "", [cause], group="authorization.k8s.io")
        user, groups = str(spec.get("user") or ""), tuple(spec.get("groups") or ())
        if not user and not groups:
            why = 'Invalid value: "": at least one of user or group must be specified'
            cause = Cause(field="spec.user", message=why)
            raise InvalidError.of(kind, "", [cause], group="authorization.k8s.io")
        if wanted:
            verb, group, plural, sub, namespace, name = (
                str(wanted.get(key) or "")
                for key in ("verb", "group", "resource", "subresource", "namespace", "name")
            )
            fields = _field_text(wanted.get("fieldSelector") or {})
            access = Access(user, groups, verb, group, plural, sub, namespace, name, fields=fields)
        else:
            assert path is not None
            access = Access(user, groups, str(path.get("verb", "")), path=str(path.get("path", "")))
        if self.authorizer is None:
            return {"allowed": True}
        decision = self.authorizer.explain(access)
        status: dict[str, Any] = {"allowed": decision.is_allowed}
        if decision.reason:
            status["reason"] = decision.reason
        return status

    def _rules(self, namespace: str, request: RequestInfo) -> dict[str, Any]:
        if not namespace:
            raise BadRequestError("no namespace on request")
        missing: list[str] = []
        rules: list[Rule] = list(_EVERYTHING)
        is_incomplete = False
        if self.authorizer is not None:
            rules, missing = self.authorizer.rbac.rules_for(request.user, request.groups, namespace)
            is_incomplete = bool(missing)
            if node_of(request.user, request.groups):
                missing.append("node authorizer does not support user rule resolution")
                is_incomplete = True
        status: dict[str, Any] = {
            "resourceRules": [rule.wire() for rule in rules if not rule.paths],
            "nonResourceRules": [rule.wire() for rule in rules if rule.paths],
            "incomplete": is_incomplete,
        }
        if missing:
            status["evaluationError"] = ", ".join(missing)
        return status

    def _token(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        token = str(spec.get("token") or "")
        if not token:
            raise BadRequestError("token is required for TokenReview in authentication")
        audiences = tuple(str(each) for each in spec.get("audiences") or ())
        try:
            user, meant = self.tokens.authenticate(token, audiences)
        except BadTokenError as error:
            return {"user": {}, "error": f"[invalid bearer token, {error}]"}
        return {"authenticated": True, "user": user.wire(), "audiences": list(meant)}


def _user_info(request: RequestInfo) -> dict[str, Any]:
    found: dict[str, Any] = {"username": request.user}
    if request.uid:
        found["uid"] = request.uid
    if request.groups:
        found["groups"] = list(request.groups)
    if request.extra:
        found["extra"] = {key: list(values) for key, values in request.extra.items()}
    return found


def _field_text(selector: Mapping[str, Any]) -> str:
    if selector.get("rawSelector"):
        return str(selector["rawSelector"])
    parts = (
        f"{each.get('key')}={each['values'][0]}"
        for each in selector.get("requirements") or ()
        if each.get("operator") == "In" and len(each.get("values") or ()) == 1
    )
    return ",".join(parts)
