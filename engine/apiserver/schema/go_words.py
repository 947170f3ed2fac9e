"""What Go's JSON decoder says of a value of the wrong type: the words clients know.

Source: encoding/json UnmarshalTypeError as in sigs.k8s.io/json, kubernetes v1.34.
"""

import re
from typing import Any

from engine.apiserver.schema.node import Node

_INDEX = re.compile(r"\[[^\]]*\]")
_QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_PLAIN = {
    "string": "string",
    "boolean": "bool",
    "number": "float64",
    "int-or-string": "intstr.IntOrString",
    "time": "v1.Time",
    "bytes": "[]uint8",
}


def complaint(value: Any, node: Node, path: str, owner: str) -> str:
    """Why *value* cannot be read at *path*, a field of the struct that *owner* defines."""
    if node.shape == "quantity" and isinstance(value, str):
        return _QUANTITY
    if node.shape == "time" and isinstance(value, str):
        return f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}"'
    if node.shape == "bytes" and isinstance(value, str):
        return "illegal base64 data"
    place = f"{owner.rsplit('.', 1)[-1]}.{_INDEX.sub('', path)}"
    kind = go_type(node)
    return (
        f"json: cannot unmarshal {_found(value, node)} into Go struct field {place} of type {kind}"
    )


def go_type(node: Node) -> str:
    """The type in Go of what goes into a field."""
    if node.shape == "integer":
        return str(node.raw.get("format") or "int64")
    if node.shape in ("list", "map"):
        inner = "interface {}" if node.item is None else go_type(node.item)
        return f"[]{inner}" if node.shape == "list" else f"map[string]{inner}"
    if node.shape in _PLAIN:
        return _PLAIN[node.shape]
    return ".".join(node.name.split(".")[-2:]) or "interface {}"


def _found(value: Any, node: Node) -> str:
    match value:
        case bool():
            return "bool"
        case dict():
            return "object"
        case list() | tuple():
            return "array"
        case str():
            return "string"
    return f"number {value}" if node.shape in ("integer", "number") else "number"
