"""Request bodies as plain values, with what was said twice, and within limits.

Knows media types and syntax, nothing about kinds.
"""

from typing import Any

import attrs
import orjson

from engine.apiserver.errors import BadRequestError, UnsupportedMediaTypeError
from engine.apiserver.protobuf.decoding import CONTENT_TYPE, decode_protobuf
from engine.apiserver.schema.checker import Finding
from engine.apiserver.schema.duplicates import duplicates
from engine.apiserver.yaml_body import read_yaml

JSON_TYPES = ("application/json", "")
YAML_TYPES = ("application/yaml", "application/apply-patch+yaml")
PROTOBUF = CONTENT_TYPE


@attrs.frozen
class Body:
    """A decoded body, and the fields it names more than once."""

    value: Any
    duplicates: tuple[Finding, ...] = ()


def decode_body(data: bytes, content_type: str, *, wants_duplicates: bool = True) -> Body:
    """The value in *data*.

    Args:
        data: the body as it came.
        content_type: its media type, parameters and all; patches in JSON count as JSON.
        wants_duplicates: look for fields that are named twice, which costs as much as decoding.

    Raises:
        UnsupportedMediaTypeError: the media type is neither JSON, YAML nor protobuf.
        BadRequestError: the text is not what it says it is, or is nested too deeply.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in YAML_TYPES:
        value, repeated = read_yaml(data)
        return Body(value, repeated)
    if media_type == PROTOBUF:
        return Body(decode_protobuf(data))
    if media_type not in JSON_TYPES and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml, application/vnd.kubernetes.protobuf"
        )
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    return Body(value, tuple(duplicates(data)) if wants_duplicates else ())
