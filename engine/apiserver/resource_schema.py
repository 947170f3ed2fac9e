"""The schema of a resource, published or of its definition, and objects read by it."""

from collections.abc import Iterable, Sequence
from typing import Any

from engine.api.scheme import Resource
from engine.apiserver.schema.checker import Finding
from engine.apiserver.schema.node import Node, of_kind
from engine.apiserver.schema.reading import Reading, read


def node_of(resource: Resource) -> Node | None:
    """The schema of *resource*, or None if nobody has published one."""
    if resource.custom is not None:
        node: Node = resource.custom.node
        return node
    return of_kind(resource.group, resource.version, resource.kind)


def read_as(
    resource: Resource,
    value: dict[str, Any],
    *,
    field_validation: str,
    duplicates: Sequence[Finding] | Iterable[Finding] = (),
) -> Reading:
    """*value* checked against the schema of *resource*: see `read`.

    Raises:
        BadRequestError: it cannot be read, or the request is strict and fields are unknown.
    """
    if resource.custom is not None:
        reading: Reading = resource.custom.read(
            value, field_validation=field_validation, duplicates=tuple(duplicates)
        )
        return reading
    node = node_of(resource)
    if node is None:
        return Reading(value=value)
    return read(
        value,
        node,
        kind=resource.kind,
        version=resource.version,
        field_validation=field_validation,
        duplicates=duplicates,
    )
