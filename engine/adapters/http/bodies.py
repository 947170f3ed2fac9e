"""The bodies of requests: read, checked against their schemas, and made objects."""

from typing import Any

import attrs

from engine.adapters.http.request import ApiRequest
from engine.api.codec import DecodeError, decode_as
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.body import Body, decode_body
from engine.apiserver.errors import BadRequestError, InvalidError
from engine.apiserver.protobuf.decoding import CONTENT_TYPE, decode_protobuf
from engine.apiserver.resource_schema import read_as
from engine.apiserver.schema.node import of_kind
from engine.apiserver.schema.reading import read

_STRICTNESS = ("Strict", "Warn", "Ignore")


def strictness(request: ApiRequest) -> str:
    """How unknown and duplicate fields are taken.

    Raises:
        BadRequestError: fieldValidation is something else.
    """
    given = request.query.get("fieldValidation", "") or "Warn"
    if given not in _STRICTNESS:
        raise BadRequestError(
            f'fieldValidation: Unsupported value: "{given}": supported values: '
            '"Ignore", "Strict", "Warn"'
        )
    return given


def body_of(request: ApiRequest, *, wants_duplicates: bool = False) -> Body:
    """The body as a value.

    Raises:
        ApiError: it cannot be read.
    """
    if request.content_type.startswith(CONTENT_TYPE):
        return Body(decode_protobuf(request.body))
    return decode_body(request.body, request.content_type, wants_duplicates=wants_duplicates)


def object_in(request: ApiRequest) -> dict[str, Any]:
    """The body, which must be an object.

    Raises:
        BadRequestError: it is none.
    """
    return _object(body_of(request).value)


def part_in(request: ApiRequest, group: str, version: str, kind: str) -> dict[str, Any]:
    """The body as an object of a kind that is only ever sent: an Eviction, a Scale.

    Raises:
        BadRequestError: it is none.
    """
    value, node = object_in(request), of_kind(group, version, kind)
    if node is None:
        return value
    read_value: dict[str, Any] = read(
        value, node, kind=kind, version=version, field_validation="Ignore"
    ).value
    return read_value


def optional_body(request: ApiRequest) -> Any:
    """The options in the body, None if there is none.

    Raises:
        BadRequestError: it is something else.
    """
    return part_in(request, "", "v1", "DeleteOptions") if request.body else None


def read_object(request: ApiRequest, resource: Resource) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The object in the body, checked against its schema, and what the client is warned of.

    Raises:
        BadRequestError: it cannot be read, or is of another kind.
        InvalidError: required fields are missing.
    """
    level = strictness(request)
    body = body_of(request, wants_duplicates=level != "Ignore")
    value = _object(body.value)
    kind, version = value.get("kind"), value.get("apiVersion")
    if (kind and kind != resource.kind) or (version and version != resource.api_version):
        raise BadRequestError(
            f"the API version in the data ({version}, Kind={kind}) does not match the expected "
            f"API version ({resource.api_version}, Kind={resource.kind})"
        )
    reading = read_as(resource, value, field_validation=level, duplicates=body.duplicates)
    if reading.missing:
        name = str((value.get("metadata") or {}).get("name", ""))
        raise InvalidError.of(resource.kind, name, reading.missing, group=resource.group)
    return reading.value, reading.warnings


def decoded(request: ApiRequest, value: dict[str, Any]) -> ApiObject:
    """*value* as an object of the request's kind, in the namespace of its path.

    Raises:
        BadRequestError: it cannot be read, or names another namespace.
    """
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
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return attrs.evolve(obj, metadata=attrs.evolve(meta, namespace=target.namespace))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestError("the body must be an object")
    return value
