"""An OpenAPI 2 document in the protobuf form that clients of Kubernetes before 1.30 read.

Knows the wire format and which field of which message has which number; nothing about Kubernetes.

Source: OpenAPIv2.proto of gnostic, package openapi.v2.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

Encoder = Callable[[Any], bytes]
Fields = Mapping[str, tuple[int, Encoder]]


def encode_document(document: Mapping[str, Any]) -> bytes:
    """*document*, an OpenAPI 2 document as JSON, as message ``openapi.v2.Document``."""
    return _message(_DOCUMENT, document)


def _varint(number: int) -> bytes:
    if number < 0:
        number += 1 << 64
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _tagged(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _message(fields: Fields, value: Mapping[str, Any], extensions: int = 0) -> bytes:
    """The known fields of *value*; what begins with ``x-`` goes to the field *extensions*."""
    parts: list[bytes] = []
    for key, part in value.items():
        if key in fields:
            number, encode = fields[key]
            if isinstance(part, bool):
                parts.append(_varint(number << 3) + _varint(part))
            elif encode is _each_string or encode in _REPEATED:
                parts.extend(_tagged(number, encode(item)) for item in part)
            else:
                parts.append(_tagged(number, encode(part)))
        elif extensions and key.startswith("x-"):
            parts.append(_tagged(extensions, _named(key, _any(part))))
    return b"".join(parts)


def _string(value: Any) -> bytes:
    return str(value).encode()


def _each_string(value: Any) -> bytes:
    return str(value).encode()


def _any(value: Any) -> bytes:
    """An ``Any``: the value as YAML text, of which JSON is a part."""
    return _tagged(2, orjson.dumps(value) + b"\n")


def _named(name: str, content: bytes) -> bytes:
    return _tagged(1, name.encode()) + _tagged(2, content)


def _map_of(encode: Encoder) -> Encoder:
    """A message whose field 1 is a list of names and values."""
    return lambda value: b"".join(
        _tagged(1, _named(key, encode(part))) for key, part in value.items()
    )


def _schema(value: Any) -> bytes:
    return _message(_SCHEMA, value, 31)


def _additional_properties(value: Any) -> bytes:
    if isinstance(value, bool):
        return _varint(2 << 3) + _varint(value)
    return _tagged(1, _schema(value))


def _type(value: Any) -> bytes:
    return _tagged(1, str(value).encode())


def _items(value: Any) -> bytes:
    return _tagged(1, _schema(value))


def _info(value: Any) -> bytes:
    return _message({"title": (1, _string), "version": (2, _string)}, value)


def _paths(value: Any) -> bytes:
    return b"".join(_tagged(2, _named(path, _path_item(item))) for path, item in value.items())


def _path_item(value: Any) -> bytes:
    return _message(_PATH_ITEM, value, 10)


def _operation(value: Any) -> bytes:
    return _message(_OPERATION, value, 13)


def _parameters_item(value: Any) -> bytes:
    if value["in"] == "body":
        parameter = _tagged(1, _message(_BODY_PARAMETER, value, 6))
    elif value["in"] == "query":
        parameter = _tagged(2, _tagged(3, _message(_QUERY_PARAMETER, value, 23)))
    else:
        parameter = _tagged(2, _tagged(4, _message(_PATH_PARAMETER, value, 22)))
    return _tagged(1, parameter)


def _responses(value: Any) -> bytes:
    return b"".join(
        _tagged(1, _named(code, _tagged(1, _message(_RESPONSE, response, 5))))
        for code, response in value.items()
    )


def _schema_item(value: Any) -> bytes:
    return _tagged(1, _schema(value))


_REPEATED = (_parameters_item,)

_SCHEMA: Fields = {
    "$ref": (1, _string),
    "format": (2, _string),
    "title": (3, _string),
    "description": (4, _string),
    "default": (5, _any),
    "pattern": (13, _string),
    "uniqueItems": (16, _string),
    "required": (19, _each_string),
    "additionalProperties": (21, _additional_properties),
    "type": (22, _type),
    "items": (23, _items),
    "properties": (25, _map_of(_schema)),
}
_BODY_PARAMETER: Fields = {
    "description": (1, _string),
    "name": (2, _string),
    "in": (3, _string),
    "required": (4, _string),
    "schema": (5, _schema),
}
_QUERY_PARAMETER: Fields = {
    "required": (1, _string),
    "in": (2, _string),
    "description": (3, _string),
    "name": (4, _string),
    "type": (6, _string),
    "uniqueItems": (20, _string),
}
_PATH_PARAMETER: Fields = {
    "required": (1, _string),
    "in": (2, _string),
    "description": (3, _string),
    "name": (4, _string),
    "type": (5, _string),
    "uniqueItems": (19, _string),
}
_RESPONSE: Fields = {"description": (1, _string), "schema": (2, _schema_item)}
_OPERATION: Fields = {
    "tags": (1, _each_string),
    "summary": (2, _string),
    "description": (3, _string),
    "operationId": (5, _string),
    "produces": (6, _each_string),
    "consumes": (7, _each_string),
    "parameters": (8, _parameters_item),
    "responses": (9, _responses),
    "schemes": (10, _each_string),
}
_PATH_ITEM: Fields = {
    "get": (2, _operation),
    "put": (3, _operation),
    "post": (4, _operation),
    "delete": (5, _operation),
    "patch": (8, _operation),
}
_DOCUMENT: Fields = {
    "swagger": (1, _string),
    "info": (2, _info),
    "paths": (8, _paths),
    "definitions": (9, _map_of(_schema)),
}
