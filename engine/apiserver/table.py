"""Objects as tables: the columns that kubectl and the TUI show.

Source: pkg/printers/internalversion, kubernetes v1.34.
"""

from collections.abc import Iterable
from typing import Any

from engine.api.codec import encode, encode_part
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.columns.column import Column, Columns
from engine.apiserver.columns.registry import columns_for


def table(
    resource: Resource, objects: Iterable[ApiObject], *, now: float, include: str = "Metadata"
) -> dict[str, Any]:
    """A meta.k8s.io/v1 Table of *objects*.

    Args:
        resource: whose objects they are.
        objects: the rows, in order.
        now: the time, for ages.
        include: what each row carries besides its cells: Metadata, Object or None.
    """
    columns = columns_for(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in columns.columns],
        "rows": [_row(columns, obj, now, include) for obj in objects],
    }


def table_of(
    resource: Resource, obj: ApiObject, *, now: float, include: str = "Metadata"
) -> dict[str, Any]:
    """A Table whose only row is *obj*."""
    result = table(resource, (obj,), now=now, include=include)
    result["metadata"] = {"resourceVersion": obj.metadata.resource_version}
    return result


def row_of(resource: Resource, obj: ApiObject, *, now: float, include: str) -> dict[str, Any]:
    """One row of a Table; see `table`."""
    return _row(columns_for(resource), obj, now, include)


def _definition(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: Columns, obj: ApiObject, now: float, include: str) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": columns.cells(obj, now)}
    if include == "Object":
        row["object"] = encode(obj)
    elif include != "None":
        row["object"] = {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": encode_part(obj.metadata),
        }
    return row
