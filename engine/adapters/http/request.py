"""One HTTP request as the API sees it, and its answer; plain values that the journal can keep."""

from collections.abc import Mapping

import attrs

from engine.adapters.http.negotiation import Form, negotiate
from engine.adapters.http.routes import Target
from engine.apiserver.authentication.user import NOBODY, UserInfo
from engine.apiserver.errors import BadRequestError
from engine.apiserver.request import DeleteOptions, Propagation, RequestInfo

TRUE = ("true", "1", "True", "TRUE", "t", "T")
"""What a query parameter may say for yes."""


@attrs.frozen(kw_only=True)
class ApiRequest:
    """A request for one target."""

    method: str
    target: Target
    query: Mapping[str, str]
    accept: str = ""
    content_type: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    user: UserInfo = NOBODY
    agent: str = ""

    def flag(self, name: str) -> bool:
        """Whether a query parameter is true."""
        return self.query.get(name, "") in TRUE

    def number(self, name: str) -> int | None:
        """A query parameter as a number, None if it is not given.

        Raises:
            BadRequestError: it is no number.
        """
        text = self.query.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError as error:
            raise BadRequestError(f'{name}: "{text}" is not a number') from error

    @property
    def form(self) -> Form:
        """The form of answer the client wants."""
        return negotiate(self.accept)

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing is to be stored.

        Raises:
            BadRequestError: dryRun is something other than All.
        """
        given = self.query.get("dryRun", "")
        if given not in ("", "All"):
            raise BadRequestError(f'dryRun: Unsupported value: "{given}": supported values: "All"')
        return given == "All"

    @property
    def manager(self) -> str:
        """Who owns the fields that the request sets."""
        return self.query.get("fieldManager", "") or self.agent.partition("/")[0][:128]

    @property
    def summary(self) -> str:
        """The request in a few words, for who asks why something happened."""
        target = self.target
        what = "/".join(
            part for part in (target.resource.plural, target.name, target.subresource) if part
        )
        return f"{self.agent.partition('/')[0] or 'http'}: {self.method} {what}"

    def info(self, context: object) -> RequestInfo:
        """Who asks, for the API server."""
        user = self.user
        return RequestInfo(
            user=user.name,
            groups=user.groups,
            uid=user.uid,
            extra=user.extra,
            actor=self.manager or user.name,
            context=context,
        )


@attrs.frozen(kw_only=True)
class ApiResponse:
    """An answer, and the store revision that must be durable before it is sent."""

    status: int
    body: bytes
    revision: int
    content_type: str = "application/json"
    warnings: tuple[str, ...] = ()
    retry_after: int = 0
    headers: Mapping[str, str] = attrs.field(factory=dict)


def delete_options(request: ApiRequest, body: object) -> DeleteOptions:
    """The options of a delete, from its body and its query.

    Raises:
        BadRequestError: they make no sense.
    """
    options = body if isinstance(body, dict) else {}
    preconditions = options.get("preconditions") or {}
    grace = options.get("gracePeriodSeconds")
    if grace is None:
        grace = request.number("gracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
        raise BadRequestError("gracePeriodSeconds must be a number")
    return DeleteOptions(
        grace_period_seconds=grace,
        propagation_policy=_policy(options, request),
        uid=str(preconditions.get("uid") or ""),
        resource_version=str(preconditions.get("resourceVersion") or ""),
    )


def _policy(options: Mapping[str, object], request: ApiRequest) -> Propagation:
    given = options.get("propagationPolicy") or request.query.get("propagationPolicy") or ""
    match given:
        case "" | "Foreground" | "Background" | "Orphan":
            return given
    orphans = options.get("orphanDependents")
    if given or orphans not in (None, True, False):
        raise BadRequestError(
            f'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: '
            f'"{given}": supported values: "Background", "Foreground", "Orphan"'
        )
    return ""
