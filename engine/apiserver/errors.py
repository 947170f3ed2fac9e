"""What the API server refuses, as Kubernetes says it: an HTTP code, a reason, and details.

The tree::

    ApiError
    ├── BadRequestError              400 BadRequest
    ├── UnauthorizedError            401 Unauthorized
    ├── ForbiddenError               403 Forbidden
    ├── NotFoundError                404 NotFound
    ├── MethodNotAllowedError        405 MethodNotAllowed
    ├── NotAcceptableError           406 NotAcceptable
    ├── AlreadyExistsError           409 AlreadyExists
    ├── ConflictError                409 Conflict
    ├── GoneError                    410 Gone or Expired
    ├── RequestTooLargeError         413 RequestEntityTooLarge
    ├── UnsupportedMediaTypeError    415 UnsupportedMediaType
    ├── InvalidError                 422 Invalid
    ├── TooManyRequestsError         429 TooManyRequests
    ├── InternalError                500 InternalError
    ├── UnavailableError             503 ServiceUnavailable
    └── GatewayTimeoutError          504 Timeout
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from engine.errors import EngineError


@attrs.frozen
class FieldError:
    """One field that may not be as it is: where, why, and the reason Kubernetes gives such a case."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    @property
    def cause(self) -> dict[str, Any]:
        """The error as an entry of ``Status.details.causes``."""
        cause = {"reason": self.reason, "message": self.message}
        return cause | {"field": self.field} if self.field else cause

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class ApiError(EngineError):
    """A request that was not carried out.

    Attributes:
        code: the HTTP status.
        reason: Kubernetes' machine-readable reason, such as ``NotFound``.
        message: the sentence a user reads.
        details: ``name``, ``group``, ``kind``, ``uid``, ``causes``, ``retryAfterSeconds``, as known.
    """

    code: int = 500
    reason: str = "InternalError"

    def __init__(self, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details or {}

    def status(self) -> dict[str, Any]:
        """The error as a metav1.Status, as it goes to a client."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        return status | {"code": self.code}


class BadRequestError(ApiError):
    """The request cannot be understood: not JSON, a wrong type, a parameter that is no number."""

    code = 400
    reason = "BadRequest"


class UnauthorizedError(ApiError):
    """Nobody we know asks."""

    code = 401
    reason = "Unauthorized"


class ForbiddenError(ApiError):
    """Whoever asks may not do this, or admission does not let it through."""

    code = 403
    reason = "Forbidden"


class NotFoundError(ApiError):
    """There is no such object, or no such resource."""

    code = 404
    reason = "NotFound"


class MethodNotAllowedError(ApiError):
    """The resource exists, but not with this verb."""

    code = 405
    reason = "MethodNotAllowed"


class NotAcceptableError(ApiError):
    """None of the media types the client accepts can be made."""

    code = 406
    reason = "NotAcceptable"


class AlreadyExistsError(ApiError):
    """An object of this name is there already."""

    code = 409
    reason = "AlreadyExists"


class ConflictError(ApiError):
    """The object is no longer as the writer saw it, or fields belong to somebody else."""

    code = 409
    reason = "Conflict"


class GoneError(ApiError):
    """The revision asked for has been compacted away; the client must list again."""

    code = 410
    reason = "Expired"


class RequestTooLargeError(ApiError):
    """The body, or the work it asks for, is beyond the limit."""

    code = 413
    reason = "RequestEntityTooLarge"


class UnsupportedMediaTypeError(ApiError):
    """The body is in a form this resource does not take."""

    code = 415
    reason = "UnsupportedMediaType"


class InvalidError(ApiError):
    """The object is understood and not allowed; every fault found is listed at once."""

    code = 422
    reason = "Invalid"

    def __init__(
        self,
        kind: str,
        name: str,
        errors: Iterable[FieldError],
        *,
        group: str = "",
    ) -> None:
        self.errors: Sequence[FieldError] = tuple(errors)
        listed = [str(error) for error in self.errors]
        said = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
        qualified = f"{kind}.{group}" if group else kind
        details: dict[str, Any] = {"name": name} if name else {}
        details |= {"group": group} if group else {}
        details |= {"kind": kind, "causes": [error.cause for error in self.errors]}
        super().__init__(f'{qualified} "{name}" is invalid: {said}', details=details)


class TooManyRequestsError(ApiError):
    """Come back later: the server is busy, or a disruption budget says not now."""

    code = 429
    reason = "TooManyRequests"


class InternalError(ApiError):
    """The server could not do what it should have been able to do."""


class UnavailableError(ApiError):
    """The API server cannot be reached over this link, or is down."""

    code = 503
    reason = "ServiceUnavailable"


class GatewayTimeoutError(ApiError):
    """The request took longer than it may."""

    code = 504
    reason = "Timeout"
