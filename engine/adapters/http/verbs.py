"""Carries out one request on the API server: from bytes to a verb, and back to bytes."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import attrs
import orjson

from engine.adapters.http.encoding import Encoder
from engine.adapters.http.request import ApiRequest, ApiResponse, delete_options
from engine.api.autoscaling import Scale
from engine.api.codec import DecodeError, decode_as, format_time
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.authentication.service_accounts import read_token_spec
from engine.apiserver.body import Body, decode_body
from engine.apiserver.errors import (
    ApiError,
    BadRequestError,
    InvalidError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotFoundError,
)
from engine.apiserver.patch import APPLY_PATCH
from engine.apiserver.protobuf.decoding import CONTENT_TYPE, decode_protobuf
from engine.apiserver.read import options_refused
from engine.apiserver.request import PatchBody
from engine.apiserver.resource_schema import read_as
from engine.apiserver.server import ApiServer
from engine.apiserver.storage import too_large
from engine.apiserver.validation import forbidden
from engine.apiserver.warnings import DEPRECATED
from engine.store.errors import FutureRevisionError

_SUCCESS: dict[str, Any] = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
}
# The kinds whose deletion is answered with the object rather than with a Status.
_ANSWERED_WITH_OBJECT = frozenset(
    {
        "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io", "persistentvolumeclaims",
        "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts",
        "services", "storageclasses.storage.k8s.io", "volumeattachments.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
    }
)  # fmt: skip
_SCALES = Resource(
    group="autoscaling", version="v1", kind="Scale", plural="scales", singular="scale", cls=Scale
)
_STRICTNESS = ("Strict", "Warn", "Ignore")


@attrs.define(eq=False)
class Verbs:
    """The request handlers. All synchronous; errors become Status answers."""

    server: ApiServer
    encoder: Encoder
    _handlers: dict[tuple[str, bool, str], Callable[[ApiRequest], ApiResponse]] = attrs.field(
        init=False
    )
    _warnings: list[str] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        # Method, whether an object is named, subresource.
        self._handlers = {
            ("GET", True, ""): self._get,
            ("GET", False, ""): self._list,
            ("POST", False, ""): self._create,
            ("PUT", True, ""): self._update,
            ("PUT", True, "finalize"): self._update,
            ("PATCH", True, ""): self._patch,
            ("DELETE", True, ""): self._delete,
            ("DELETE", False, ""): self._delete_collection,
            ("GET", True, "scale"): self._get_scale,
            ("PUT", True, "scale"): self._put_scale,
            ("POST", True, "eviction"): self._evict,
            ("POST", True, "binding"): self._bind,
            ("POST", True, "token"): self._create_token,
        }

    def handle(self, request: ApiRequest) -> ApiResponse:
        """The answer to *request*; a refusal is an answer too."""
        self._warnings.clear()
        try:
            answer = self._dispatch(request)
        except ApiError as error:
            answer = self.refusal(error)
        old_way = DEPRECATED.get(request.target.resource.qualified)
        if old_way is not None:
            self._warnings.append(old_way)
        if not self._warnings:
            return answer
        said = dict.fromkeys((*answer.warnings, *self._warnings))
        return attrs.evolve(answer, warnings=tuple(said))

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

    def _dispatch(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        sub = target.subresource
        if target.resource.custom is not None and target.resource.custom.warning:
            self._warnings.append(target.resource.custom.warning)
        if sub and sub not in target.resource.subresources:
            raise NotFoundError("the server could not find the requested resource")
        is_main = sub in ("", "approval", "status", "ephemeralcontainers", "resize")
        verb = self._handlers.get(
            (request.method, bool(target.name), "" if is_main or request.method == "PATCH" else sub)
        )
        if verb is not None:
            return verb(request)
        raise MethodNotAllowedError(
            f"the server does not allow this method on the requested resource: {request.method}"
        )

    # --- reading ---

    def _get(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        revision = 0
        wanted = request.number("resourceVersion") or 0
        newest = self.server.store.revision
        if request.query.get("resourceVersionMatch") == "Exact":
            revision = wanted
        elif wanted > newest:
            raise too_large(FutureRevisionError(wanted, newest))
        obj = self.server.get(
            target.resource.cls,
            target.name,
            namespace=target.namespace,
            revision=revision,
            request=self._info(request),
        )
        return self._answer(request, obj, revision=obj.revision)

    def _list(self, request: ApiRequest) -> ApiResponse:
        query, resource = request.query, request.target.resource
        if "sendInitialEvents" in query:
            said = "sendInitialEvents is forbidden for list"
            raise options_refused([forbidden("sendInitialEvents", said)])
        found = self.server.list(
            resource.cls,
            namespace=request.target.namespace or None,
            label_selector=query.get("labelSelector", ""),
            field_selector=query.get("fieldSelector", ""),
            limit=request.number("limit") or 0,
            continue_token=query.get("continue", ""),
            resource_version=query.get("resourceVersion", ""),
            resource_version_match=query.get("resourceVersionMatch", ""),
            request=self._info(request),
        )
        form = request.form
        body = self.encoder.list(found, resource, form, self.server.now, _include(request))
        return ApiResponse(
            status=200, body=body, revision=found.revision, content_type=form.content_type
        )

    # --- writing ---

    def _create(self, request: ApiRequest) -> ApiResponse:
        resource = request.target.resource
        if resource.kind == "Binding":
            return self._bind(request)
        value, warnings = self._read_body(request, resource)
        if resource.verbs == ("create",) and resource.cls not in self.server.computed:
            namespace = request.target.namespace
            if request.form.shape:
                raise NotAcceptableError(
                    "only the following media types are accepted: application/json, "
                    "application/yaml, application/vnd.kubernetes.protobuf"
                )
            answer = self.server.reviews.review(resource, value, namespace, self._info(request))
            return self._json(201, answer)
        obj = self._decoded(request, value)
        stored = self.server.create(obj, request=self._info(request), dry_run=request.is_dry_run)
        return self._answer(request, stored, status=201, warnings=warnings)

    def _update(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        value, warnings = self._read_body(request, target.resource)
        obj = self._decoded(request, value)
        if obj.metadata.name != target.name:
            raise BadRequestError(
                f"the name of the object ({obj.metadata.name}) does not match the name on the URL "
                f"({target.name})"
            )
        stored = self.server.update(
            obj,
            subresource=target.subresource,
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        return self._answer(request, stored, warnings=warnings)

    def _patch(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        type_ = request.content_type.partition(";")[0].strip().lower()
        body = _body(request, wants_duplicates=False)
        patch = PatchBody(
            type=type_,
            data=body.value,
            field_manager=request.query.get("fieldManager", "")
            or ("" if type_ == APPLY_PATCH else request.manager),
            force=request.flag("force"),
            field_validation=self._strictness(request),
        )
        before = self.server.store.revision
        stored: Any = self.server.patch(
            target.resource.cls,
            target.name,
            namespace=target.namespace,
            patch=patch,
            subresource=target.subresource,
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        if isinstance(stored, Scale):
            return self._scale_answer(request, stored)
        is_new = stored.revision > before and self._version_of(request) == 1
        return self._answer(request, stored, status=201 if is_new else 200)

    def _delete(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        resource = target.resource
        options = delete_options(request, self._optional_body(request))
        before = self.server.get(
            resource.cls, target.name, namespace=target.namespace, request=self._info(request)
        )
        left = self.server.delete(
            resource.cls,
            target.name,
            namespace=target.namespace,
            options=options,
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        if left is not None:
            return self._answer(request, left)
        if resource.qualified in _ANSWERED_WITH_OBJECT:
            return self._answer(request, before)
        details = {"name": target.name, "kind": resource.plural, "uid": before.metadata.uid}
        if resource.group:
            details["group"] = resource.group
        return self._json(200, {**_SUCCESS, "details": details})

    def _delete_collection(self, request: ApiRequest) -> ApiResponse:
        resource, query = request.target.resource, request.query
        found = self.server.delete_collection(
            resource.cls,
            namespace=request.target.namespace or None,
            label_selector=query.get("labelSelector", ""),
            field_selector=query.get("fieldSelector", ""),
            options=delete_options(request, self._optional_body(request)),
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        form = request.form
        body = self.encoder.list(found, resource, form, self.server.now, _include(request))
        revision = self.server.store.revision
        return ApiResponse(status=200, body=body, revision=revision, content_type=form.content_type)

    # --- subresources ---

    def _get_scale(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        scale = self.server.get_scale(
            target.resource.cls,
            target.name,
            namespace=target.namespace,
            request=self._info(request),
        )
        return self._scale_answer(request, scale)

    def _put_scale(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        try:
            scale = decode_as(Scale, _object(_body(request).value))
        except DecodeError as error:
            raise BadRequestError(str(error)) from error
        metadata = attrs.evolve(scale.metadata, name=target.name, namespace=target.namespace)
        stored = self.server.update_scale(
            target.resource.cls,
            attrs.evolve(scale, metadata=metadata),
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        return self._scale_answer(request, stored)

    def _scale_answer(self, request: ApiRequest, scale: Scale) -> ApiResponse:
        form = request.form
        body = self.encoder.object(scale, _SCALES, form, self.server.now, _include(request))
        revision = self.server.store.revision
        return ApiResponse(status=200, body=body, revision=revision, content_type=form.content_type)

    def _evict(self, request: ApiRequest) -> ApiResponse:
        body = _object(_body(request).value)
        self.server.evict(
            request.target.name,
            namespace=request.target.namespace,
            options=delete_options(request, body.get("deleteOptions")),
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        return self._json(201, _SUCCESS)

    def _bind(self, request: ApiRequest) -> ApiResponse:
        body = _object(_body(request).value)
        name = request.target.name or str((body.get("metadata") or {}).get("name", ""))
        self.server.bind(
            name,
            namespace=request.target.namespace,
            node_name=str((body.get("target") or {}).get("name", "")),
            request=self._info(request),
            dry_run=request.is_dry_run,
        )
        return self._json(201, _SUCCESS)

    def _create_token(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        value = _object(_body(request).value)
        spec = read_token_spec(value)
        issued = self.server.create_token(
            target.name, namespace=target.namespace, spec=spec, request=self._info(request)
        )
        return self._json(
            201,
            {
                "kind": "TokenRequest",
                "apiVersion": "authentication.k8s.io/v1",
                "metadata": {
                    "name": target.name,
                    "namespace": target.namespace,
                    "creationTimestamp": format_time(self.server.now),
                },
                "spec": {
                    "audiences": list(spec.audiences or self.server.tokens.audiences),
                    "expirationSeconds": spec.expiration_seconds,
                    "boundObjectRef": (value.get("spec") or {}).get("boundObjectRef"),
                },
                "status": {
                    "token": issued.token,
                    "expirationTimestamp": format_time(issued.expires),
                },
            },
        )

    # --- bodies ---

    def _info(self, request: ApiRequest) -> Any:
        return attrs.evolve(request.info(self.server.loop.context), warn=self._warnings.append)

    def _version_of(self, request: ApiRequest) -> int:
        target = request.target
        return self.server.storage.version_of(target.resource, target.namespace, target.name)

    def _strictness(self, request: ApiRequest) -> str:
        given = request.query.get("fieldValidation", "") or "Warn"
        if given not in _STRICTNESS:
            raise BadRequestError(
                f'fieldValidation: Unsupported value: "{given}": supported values: '
                '"Ignore", "Strict", "Warn"'
            )
        return given

    def _optional_body(self, request: ApiRequest) -> Any:
        if not request.body:
            return None
        return _body(request, wants_duplicates=False).value

    def _read_body(
        self, request: ApiRequest, resource: Resource
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The object in the body, checked against its schema, and what the client is warned of."""
        strictness = self._strictness(request)
        body = _body(request, wants_duplicates=strictness != "Ignore")
        value = _object(body.value)
        kind, version = value.get("kind"), value.get("apiVersion")
        if (kind and kind != resource.kind) or (version and version != resource.api_version):
            raise BadRequestError(
                f"the API version in the data ({version}, Kind={kind}) does not match the expected "
                f"API version ({resource.api_version}, Kind={resource.kind})"
            )
        reading = read_as(resource, value, field_validation=strictness, duplicates=body.duplicates)
        if reading.missing:
            name = str((value.get("metadata") or {}).get("name", ""))
            raise InvalidError.of(resource.kind, name, reading.missing, group=resource.group)
        return reading.value, reading.warnings

    def _decoded(self, request: ApiRequest, value: dict[str, Any]) -> ApiObject:
        target = request.target
        try:
            obj = decode_as(target.resource.cls, value)
        except DecodeError as error:
            raise BadRequestError(str(error)) from error
        meta = obj.metadata
        if not target.resource.namespaced:
            return obj
        if meta.namespace and meta.namespace != target.namespace:
            raise BadRequestError(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        return attrs.evolve(obj, metadata=attrs.evolve(meta, namespace=target.namespace))

    # --- answers ---

    def _answer(
        self,
        request: ApiRequest,
        obj: ApiObject,
        *,
        status: int = 200,
        revision: int = 0,
        warnings: tuple[str, ...] = (),
    ) -> ApiResponse:
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

    def _json(self, status: int, value: dict[str, Any]) -> ApiResponse:
        return ApiResponse(
            status=status, body=orjson.dumps(value), revision=self.server.store.revision
        )


def _body(request: ApiRequest, *, wants_duplicates: bool = False) -> Body:
    if request.content_type.startswith(CONTENT_TYPE):
        return Body(decode_protobuf(request.body))
    return decode_body(request.body, request.content_type, wants_duplicates=wants_duplicates)


def _include(request: ApiRequest) -> str:
    return request.query.get("includeObject", "") or "Metadata"


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestError("the body must be an object")
    return value
