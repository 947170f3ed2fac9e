"""What the API server answers when it does not do as asked: code, reason and words.

The tree::

    ApiError
    ├── BadRequestError 400            ├── InvalidError 422
    ├── UnauthorizedError 401          ├── UnsupportedMediaTypeError 415
    ├── ForbiddenError 403             ├── NotAcceptableError 406
    ├── NotFoundError 404              ├── TooManyRequestsError 429
    ├── MethodNotAllowedError 405      ├── TooLargeError 413
    ├── AlreadyExistsError 409         ├── InternalError 500
    ├── ConflictError 409              ├── TimeoutApiError 504
    ├── GoneError 410                  └── UnavailableError 503
    └── UntypedPatchError 500

Source: k8s.io/apimachinery api/errors, kubernetes v1.34.
"""

from typing import Any, ClassVar

import attrs

from engine.errors import EngineError


@attrs.frozen(kw_only=True)
class Cause:
    """One thing that is wrong: which field, in which way, in words."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class ApiError(EngineError):
    """A refused request.

    Attributes:
        code: HTTP status.
        reason: metav1.StatusReason.
        details: kind, name, group, causes and retryAfterSeconds, as in metav1.StatusDetails.
    """

    code: ClassVar[int] = 500
    reason: ClassVar[str] = "InternalError"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = {key: value for key, value in details.items() if value}

    def status(self) -> dict[str, Any]:
        """The answer as a metav1.Status in wire form."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if not self.reason:
            del body["reason"]
        if self.details:
            details = dict(self.details)
            causes = details.pop("causes", ())
            if causes:
                details["causes"] = [
                    {"reason": cause.reason, "message": cause.message, "field": cause.field}
                    for cause in causes
                ]
            body["details"] = details
        return body


class BadRequestError(ApiError):
    """The request cannot be understood."""

    code = 400
    reason = "BadRequest"


class UnauthorizedError(ApiError):
    """Nobody knows who is asking."""

    code = 401
    reason = "Unauthorized"


class ForbiddenError(ApiError):
    """Who asks may not do that, or nobody may at present."""

    code = 403
    reason = "Forbidden"


class NotFoundError(ApiError):
    """There is no such object, or no such resource."""

    code = 404
    reason = "NotFound"

    @classmethod
    def of(cls, resource: str, name: str, *, group: str = "") -> "NotFoundError":
        """``pods "web" not found``, with *resource* in the plural."""
        qualified = f"{resource}.{group}" if group else resource
        return cls(f'{qualified} "{name}" not found', name=name, group=group, kind=resource)


class MethodNotAllowedError(ApiError):
    """The resource has no such verb."""

    code = 405
    reason = "MethodNotAllowed"


class NotAcceptableError(ApiError):
    """None of the forms the client accepts can be had."""

    code = 406
    reason = "NotAcceptable"


class AlreadyExistsError(ApiError):
    """An object of that name is there already."""

    code = 409
    reason = "AlreadyExists"

    @classmethod
    def of(cls, resource: str, name: str, *, group: str = "") -> "AlreadyExistsError":
        """``deployments.apps "web" already exists``."""
        qualified = f"{resource}.{group}" if group else resource
        return cls(f'{qualified} "{name}" already exists', name=name, group=group, kind=resource)


class ConflictError(ApiError):
    """The object has changed since it was read, or a precondition does not hold."""

    code = 409
    reason = "Conflict"

    @classmethod
    def of(cls, resource: str, name: str, why: str, *, group: str = "") -> "ConflictError":
        """``Operation cannot be fulfilled on pods "web": why``."""
        qualified = f"{resource}.{group}" if group else resource
        return cls(
            f'Operation cannot be fulfilled on {qualified} "{name}": {why}',
            name=name,
            group=group,
            kind=resource,
        )


class GoneError(ApiError):
    """The revision asked for has been compacted; list again.

    *continue_token* is what the rest of a list can be asked for with, at another revision.
    """

    code = 410
    reason = "Expired"

    def __init__(self, message: str, *, continue_token: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.continue_token = continue_token

    def status(self) -> dict[str, Any]:
        """The answer, with the token that leads on."""
        body = super().status()
        if self.continue_token:
            body["metadata"] = {"continue": self.continue_token}
        return body


class TooLargeError(ApiError):
    """The request's body is larger than the server takes."""

    code = 413
    reason = "RequestEntityTooLarge"


class UnsupportedMediaTypeError(ApiError):
    """The body is in a form the server does not read."""

    code = 415
    reason = "UnsupportedMediaType"


class InvalidError(ApiError):
    """The object is understood but not allowed; every fault is listed."""

    code = 422
    reason = "Invalid"

    @classmethod
    def of(
        cls, kind: str, name: str, causes: "tuple[Cause, ...] | list[Cause]", *, group: str = ""
    ) -> "InvalidError":
        """``Deployment.apps "web" is invalid: …`` with all *causes*, one or more."""
        qualified = f"{kind}.{group}" if group else kind
        words = [str(cause) for cause in causes]
        listed = words[0] if len(words) == 1 else "[" + ", ".join(words) + "]"
        return cls(
            f'{qualified} "{name}" is invalid: {listed}',
            name=name,
            group=group,
            kind=kind,
            causes=tuple(causes),
        )


class TooManyRequestsError(ApiError):
    """Not now; try again after ``retryAfterSeconds``."""

    code = 429
    reason = "TooManyRequests"


class UntypedPatchError(ApiError):
    """What is applied strictly does not fit its kind's schema: Kubernetes has no reason for it."""

    code = 500
    reason = ""


class InternalError(ApiError):
    """Something inside the server is not as it should be."""

    code = 500
    reason = "InternalError"


class UnavailableError(ApiError):
    """The API server is down, or cannot be reached over this link."""

    code = 503
    reason = "ServiceUnavailable"


class TimeoutApiError(ApiError):
    """The request took longer than it was given."""

    code = 504
    reason = "Timeout"
