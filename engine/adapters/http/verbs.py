"""Carries out one request on the API server: from bytes to a verb, and back to bytes."""

from collections.abc import Callable
from typing import Any

import attrs

from engine.adapters.http.answers import SUCCESS, Answers
from engine.adapters.http.bodies import body_of, decoded, optional_body, read_object, strictness
from engine.adapters.http.encoding import Encoder
from engine.adapters.http.request import ApiRequest, ApiResponse, delete_options
from engine.adapters.http.subresource_verbs import SubresourceVerbs
from engine.api.autoscaling import Scale
from engine.apiserver.errors import (
    ApiError,
    BadRequestError,
    MethodNotAllowedError,
    NotAcceptableError,
    NotFoundError,
)
from engine.apiserver.patch import APPLY_PATCH
from engine.apiserver.read import options_refused
from engine.apiserver.request import PatchBody
from engine.apiserver.server import ApiServer
from engine.apiserver.storage import too_large
from engine.apiserver.validation import forbidden
from engine.store.errors import FutureRevisionError

# The kinds whose deletion is answered with the object rather than with a Status.
_ANSWERED_WITH_OBJECT = frozenset(
    {
        "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io", "persistentvolumeclaims",
        "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts",
        "services", "storageclasses.storage.k8s.io", "volumeattachments.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
    }
)  # fmt: skip


@attrs.define(eq=False)
class Verbs:
    """The request handlers. All synchronous; errors become Status answers."""

    server: ApiServer
    encoder: Encoder
    _handlers: dict[tuple[str, bool, str], Callable[[ApiRequest], ApiResponse]] = attrs.field(
        init=False
    )
    answers: Answers = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.answers = Answers(self.server, self.encoder)
        parts = SubresourceVerbs(self.server, self.answers)
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
            ("GET", True, "scale"): parts.get_scale,
            ("PUT", True, "scale"): parts.put_scale,
            ("POST", True, "eviction"): parts.evict,
            ("POST", True, "binding"): parts.bind,
            ("POST", True, "token"): parts.create_token,
        }

    def handle(self, request: ApiRequest) -> ApiResponse:
        """The answer to *request*; a refusal is an answer too."""
        self.answers.warnings.clear()
        try:
            answer = self._dispatch(request)
        except ApiError as error:
            answer = self.answers.refusal(error)
        return self.answers.warned(request, answer)

    def refusal(self, error: ApiError) -> ApiResponse:
        """*error* as an answer."""
        return self.answers.refusal(error)

    def _dispatch(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        sub = target.subresource
        if target.resource.custom is not None and target.resource.custom.warning:
            self.answers.warnings.append(target.resource.custom.warning)
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
            request=self.answers.info(request),
        )
        return self.answers.object(request, obj, revision=obj.revision)

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
            request=self.answers.info(request),
        )
        return self.answers.list(request, found, found.revision)

    # --- writing ---

    def _create(self, request: ApiRequest) -> ApiResponse:
        resource = request.target.resource
        if resource.kind == "Binding":
            return self._handlers["POST", True, "binding"](request)
        value, warnings = read_object(request, resource)
        if resource.verbs == ("create",) and resource.cls not in self.server.computed:
            namespace = request.target.namespace
            if request.form.shape:
                raise NotAcceptableError(
                    "only the following media types are accepted: application/json, "
                    "application/yaml, application/vnd.kubernetes.protobuf"
                )
            answer = self.server.reviews.review(
                resource, value, namespace, self.answers.info(request)
            )
            return self.answers.json(201, answer)
        obj = decoded(request, value)
        stored = self.server.create(
            obj, request=self.answers.info(request), dry_run=request.is_dry_run
        )
        return self.answers.object(request, stored, status=201, warnings=warnings)

    def _update(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        value, warnings = read_object(request, target.resource)
        obj = decoded(request, value)
        if obj.metadata.name != target.name:
            raise BadRequestError(
                f"the name of the object ({obj.metadata.name}) does not match the name on the URL "
                f"({target.name})"
            )
        stored = self.server.update(
            obj,
            subresource=target.subresource,
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        return self.answers.object(request, stored, warnings=warnings)

    def _patch(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        type_ = request.content_type.partition(";")[0].strip().lower()
        body = body_of(request)
        patch = PatchBody(
            type=type_,
            data=body.value,
            field_manager=request.query.get("fieldManager", "")
            or ("" if type_ == APPLY_PATCH else request.manager),
            force=request.flag("force"),
            field_validation=strictness(request),
        )
        before = self.server.store.revision
        stored: Any = self.server.patch(
            target.resource.cls,
            target.name,
            namespace=target.namespace,
            patch=patch,
            subresource=target.subresource,
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        if isinstance(stored, Scale):
            return self.answers.scale(request, stored)
        is_new = stored.revision > before and self._version_of(request) == 1
        return self.answers.object(request, stored, status=201 if is_new else 200)

    def _delete(self, request: ApiRequest) -> ApiResponse:
        target = request.target
        resource = target.resource
        options = delete_options(request, optional_body(request))
        before = self.server.get(
            resource.cls,
            target.name,
            namespace=target.namespace,
            request=self.answers.info(request),
        )
        left = self.server.delete(
            resource.cls,
            target.name,
            namespace=target.namespace,
            options=options,
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        if left is not None:
            return self.answers.object(request, left)
        if resource.qualified in _ANSWERED_WITH_OBJECT:
            return self.answers.object(request, before)
        details = {"name": target.name, "kind": resource.plural, "uid": before.metadata.uid}
        if resource.group:
            details["group"] = resource.group
        return self.answers.json(200, {**SUCCESS, "details": details})

    def _delete_collection(self, request: ApiRequest) -> ApiResponse:
        resource, query = request.target.resource, request.query
        found = self.server.delete_collection(
            resource.cls,
            namespace=request.target.namespace or None,
            label_selector=query.get("labelSelector", ""),
            field_selector=query.get("fieldSelector", ""),
            options=delete_options(request, optional_body(request)),
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        return self.answers.list(request, found, self.server.store.revision)

    def _version_of(self, request: ApiRequest) -> int:
        target = request.target
        return self.server.storage.version_of(target.resource, target.namespace, target.name)
