"""Reads an object as fieldValidation asks: what is refused, what is warned of, what is dropped."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from engine.apiserver.errors import BadRequestError, Cause
from engine.apiserver.schema.checker import Finding, check, passes
from engine.apiserver.schema.node import Node
from engine.apiserver.schema.path import field, item


@attrs.frozen(kw_only=True)
class Reading:
    """An object as it goes on.

    Attributes:
        value: the object, without the fields nobody knows.
        warnings: what the client is told in Warning headers.
        missing: required fields that are not there; validation adds its own and refuses.
    """

    value: Any
    warnings: tuple[str, ...] = ()
    missing: tuple[Cause, ...] = ()


def read(
    value: Any,
    node: Node,
    *,
    kind: str,
    version: str,
    field_validation: str = "Strict",
    duplicates: Iterable[Finding] = (),
) -> Reading:
    """Check *value* against *node* and decide about what does not fit.

    Args:
        value: the object in wire form; left as it is.
        node: the schema of its kind.
        kind: the kind, for messages.
        version: its apiVersion, for messages.
        field_validation: the request's parameter of that name.
        duplicates: what `duplicates` found in the body.

    Raises:
        BadRequestError: a value has a type that cannot be read, or fields are unknown or repeated
            and the request is strict.
    """
    value = without_nulls(value, node)
    findings = check(value, node)
    refused = f'{kind} in version "{version}" cannot be handled as a {kind}: '
    if wrong := [finding for finding in findings if finding.fault == "type"]:
        # Go's words for the first, as every client knows them; where and what for people, of all.
        said = ", ".join(str(finding) for finding in wrong)
        raise BadRequestError(f"{refused}{wrong[0].go} ({said})")
    unknown = [finding for finding in findings if finding.fault == "unknown"]
    strays = _in_order(value, unknown, list(duplicates))
    noted = tuple(str(finding) for finding in strays)
    if noted and field_validation == "Strict":
        raise BadRequestError(refused + "strict decoding error: " + ", ".join(noted))
    return Reading(
        value=prune(value, node) if strays else value,
        warnings=noted if field_validation == "Warn" else (),
        missing=tuple(
            Cause(field=finding.path, message="Required value", reason="FieldValueRequired")
            for finding in findings
            if finding.fault == "required"
        ),
    )


def without_nulls(value: Any, node: Node) -> Any:
    """*value* with each null as Go reads it: a field that is not set, or the zero of an item.

    What fits and has none, the usual case, is not copied.

    Raises:
        BadRequestError: *value* is nested too deeply to be read.
    """
    try:
        return value if passes(node)(value) else _without_nulls(value, node)
    except RecursionError as error:
        raise BadRequestError("the object is nested too deeply") from error


_ZEROS: Mapping[str, Any] = {
    "string": "",
    "bytes": "",
    "quantity": "0",
    "integer": 0,
    "number": 0,
    "int-or-string": 0,
    "boolean": False,
    "object": {},
    "map": {},
    "list": [],
}


def _without_nulls(value: Any, node: Node) -> Any:
    if node.shape == "object" and isinstance(value, dict):
        fields = node.fields
        return {
            key: _without_nulls(part, fields[key]) if key in fields else part
            for key, part in value.items()
            if part is not None or key not in fields
        }
    item_node = node.item
    if item_node is None:
        return value
    zero = _ZEROS.get(item_node.shape)
    if isinstance(value, dict):
        return {
            key: zero if part is None else _without_nulls(part, item_node)
            for key, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [zero if part is None else _without_nulls(part, item_node) for part in value]
    return value


def prune(value: Any, node: Node) -> Any:
    """*value* without the fields *node* does not know; what is known all through is not copied."""
    if node.shape == "object" and isinstance(value, dict):
        return {
            key: prune(part, node.fields[key]) if key in node.fields else part
            for key, part in value.items()
            if key in node.fields or node.keeps_unknown
        }
    if node.item is None:
        return value
    if isinstance(value, dict):
        return {key: prune(part, node.item) for key, part in value.items()}
    return [prune(part, node.item) for part in value] if isinstance(value, list | tuple) else value


def _in_order(value: Any, unknown: list[Finding], duplicates: list[Finding]) -> list[Finding]:
    """Both kinds of findings as they come in the document; what is unknown may be repeated too."""
    if not duplicates:
        return unknown
    strange = tuple(finding.path for finding in unknown)
    known = [
        finding
        for finding in duplicates
        if not any(_is_at_or_below(finding.path, path) for path in strange)
    ]
    strays = [*unknown, *known]
    wanted = {finding.path for finding in strays}
    found = (path for path in _paths(value, "") if path in wanted)
    places = {path: place for place, path in enumerate(found)}
    return sorted(strays, key=lambda finding: places.get(finding.path, len(places)))


def _is_at_or_below(path: str, above: str) -> bool:
    return path == above or path.startswith((above + ".", above + "["))


def _paths(value: Any, path: str) -> Iterator[str]:
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _paths(part, field(path, key))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _paths(part, item(path, index))
