"""Reviews: answers that are not stored: who am I, what may I do.

Everyone may do everything until there is authorization; the answers say so.
"""

from typing import Any

from engine.api.scheme import Resource
from engine.apiserver.errors import MethodNotAllowedError
from engine.apiserver.request import RequestInfo

_EVERYTHING = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
_EVERY_PATH = {"verbs": ["*"], "nonResourceURLs": ["*"]}


def review(resource: Resource, value: dict[str, Any], request: RequestInfo) -> dict[str, Any]:
    """*value* with its status filled in.

    Raises:
        MethodNotAllowedError: there is nothing to review.
    """
    match resource.kind:
        case "SelfSubjectAccessReview" | "SubjectAccessReview" | "LocalSubjectAccessReview":
            status: dict[str, Any] = {"allowed": True}
        case "SelfSubjectRulesReview":
            status = {
                "resourceRules": [_EVERYTHING],
                "nonResourceRules": [_EVERY_PATH],
                "incomplete": False,
            }
        case "SelfSubjectReview":
            status = {"userInfo": {"username": request.user, "groups": list(request.groups)}}
        case "TokenReview":
            status = {"authenticated": False, "error": "no token is known"}
        case _:
            raise MethodNotAllowedError(f"{resource.kind} cannot be created")
    return {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {"creationTimestamp": None},
        **{key: part for key, part in value.items() if key == "spec"},
        "status": status,
    }
