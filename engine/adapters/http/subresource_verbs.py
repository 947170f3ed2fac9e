"""The verbs of subresources that are objects of their own: scale, eviction, binding, token."""

import attrs

from engine.adapters.http.answers import SUCCESS, Answers
from engine.adapters.http.bodies import part_in
from engine.adapters.http.request import ApiRequest, ApiResponse, delete_options
from engine.api.autoscaling import Scale
from engine.api.codec import DecodeError, decode_as, format_time
from engine.apiserver.authentication.service_accounts import read_token_spec
from engine.apiserver.errors import BadRequestError
from engine.apiserver.server import ApiServer


@attrs.define(eq=False)
class SubresourceVerbs:
    """The handlers of one request each. They raise ApiError; `Verbs` makes answers of that."""

    server: ApiServer
    answers: Answers

    def get_scale(self, request: ApiRequest) -> ApiResponse:
        """How many replicas an object has."""
        target = request.target
        scale = self.server.get_scale(
            target.resource.cls,
            target.name,
            namespace=target.namespace,
            request=self.answers.info(request),
        )
        return self.answers.scale(request, scale)

    def put_scale(self, request: ApiRequest) -> ApiResponse:
        """Set how many replicas an object has."""
        target = request.target
        try:
            scale = decode_as(Scale, part_in(request, "autoscaling", "v1", "Scale"))
        except DecodeError as error:
            raise BadRequestError(str(error)) from error
        metadata = attrs.evolve(scale.metadata, name=target.name, namespace=target.namespace)
        stored = self.server.update_scale(
            target.resource.cls,
            attrs.evolve(scale, metadata=metadata),
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        return self.answers.scale(request, stored)

    def evict(self, request: ApiRequest) -> ApiResponse:
        """Delete a pod if its disruption budgets allow it."""
        body = part_in(request, "policy", "v1", "Eviction")
        if (body.get("metadata") or {}).get("name") != request.target.name:
            raise BadRequestError("name in URL does not match name in Eviction object")
        self.server.evict(
            request.target.name,
            namespace=request.target.namespace,
            options=delete_options(request, body.get("deleteOptions")),
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        return self.answers.json(201, SUCCESS)

    def bind(self, request: ApiRequest) -> ApiResponse:
        """Give a pod to a node."""
        body = part_in(request, "", "v1", "Binding")
        name = request.target.name or str((body.get("metadata") or {}).get("name", ""))
        self.server.bind(
            name,
            namespace=request.target.namespace,
            node_name=str((body.get("target") or {}).get("name", "")),
            request=self.answers.info(request),
            dry_run=request.is_dry_run,
        )
        return self.answers.json(201, SUCCESS)

    def create_token(self, request: ApiRequest) -> ApiResponse:
        """Issue a token for a ServiceAccount."""
        target = request.target
        value = part_in(request, "authentication.k8s.io", "v1", "TokenRequest")
        spec = read_token_spec(value)
        issued = self.server.create_token(
            target.name, namespace=target.namespace, spec=spec, request=self.answers.info(request)
        )
        return self.answers.json(
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
