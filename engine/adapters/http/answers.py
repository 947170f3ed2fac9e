"""What the verbs answer: objects, lists, plain values and refusals as bytes, with warnings."""

from http import HTTPStatus
from typing import Any

import attrs
import orjson

from engine.adapters.http.encoding import Encoder
from engine.adapters.http.request import ApiRequest, ApiResponse
from engine.api.autoscaling import Scale
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.errors import ApiError
from engine.apiserver.request import ObjectList, RequestInfo
from engine.apiserver.server import ApiServer
from engine.apiserver.warnings import DEPRECATED

SUCCESS: dict[str, Any] = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
}
"""The Status of what went well and shows no object."""

_SCALES = Resource(
    group="autoscaling", version="v1", kind="Scale", plural="scales", singular="scale", cls=Scale
)


@attrs.define(eq=False)
class Answers:
    """Makes the answers of one request after another."""

    server: ApiServer
    encoder: Encoder
    warnings: list[str] = attrs.field(factory=list, init=False)

    def info(self, request: ApiRequest) -> RequestInfo:
        """Who asks, and where to put what the client is to be warned of."""
        auditor = self.server.auditor
        return attrs.evolve(
            request.info(self.server.loop.context),
            warn=self.warnings.append,
            annotate=None if auditor is None else auditor.annotate,
        )

    def object(
        self,
        request: ApiRequest,
        obj: ApiObject,
        *,
        status: int = 200,
        revision: int = 0,
        warnings: tuple[str, ...] = (),
    ) -> ApiResponse:
        """*obj* in the form asked for."""
        form = request.form
        body = self.encoder.object(
            obj, request.target.resource, form, self.server.now, _include(request)
        )
        return ApiResponse(
            status=status,
            body=body,
            revision=revision or self.server.store.revision,
            content_type=form.content_type,
            warnings=warnings,
        )

    def list(self, request: ApiRequest, found: ObjectList[Any], revision: int) -> ApiResponse:
        """*found* in the form asked for, resting on *revision*."""
        form, resource = request.form, request.target.resource
        body = self.encoder.list(found, resource, form, self.server.now, _include(request))
        return ApiResponse(status=200, body=body, revision=revision, content_type=form.content_type)

    def scale(self, request: ApiRequest, scale: Scale) -> ApiResponse:
        """*scale* in the form asked for."""
        form = request.form
        body = self.encoder.object(scale, _SCALES, form, self.server.now, _include(request))
        revision = self.server.store.revision
        return ApiResponse(status=200, body=body, revision=revision, content_type=form.content_type)

    def json(self, status: int, value: dict[str, Any]) -> ApiResponse:
        """*value* as it is."""
        return ApiResponse(
            status=status, body=orjson.dumps(value), revision=self.server.store.revision
        )

    def refusal(self, error: ApiError) -> ApiResponse:
        """*error* as an answer."""
        store = self.server.store
        return ApiResponse(
            status=error.code,
            body=orjson.dumps(error.status()),
            # That nothing can be done just now rests on no revision, and must be told at once.
            revision=0 if error.code == HTTPStatus.SERVICE_UNAVAILABLE else store.revision,
            retry_after=int(error.details.get("retryAfterSeconds", 0)),
        )

    def warned(self, request: ApiRequest, answer: ApiResponse) -> ApiResponse:
        """*answer* with what was said on the way, and what is said of old kinds."""
        old_way = DEPRECATED.get(request.target.resource.qualified)
        if old_way is not None:
            self.warnings.append(old_way)
        if not self.warnings:
            return answer
        said = dict.fromkeys((*answer.warnings, *self.warnings))
        return attrs.evolve(answer, warnings=tuple(said))


def _include(request: ApiRequest) -> str:
    return request.query.get("includeObject", "") or "Metadata"
