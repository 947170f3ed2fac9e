"""The OpenAPI documents of a server, version 2 and 3, made when first asked for.

They describe a fixed list of resources; when that changes (a custom resource comes), make new ones.
"""

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from engine.api.codec import trimmed
from engine.api.scheme import Resource
from engine.apiserver.openapi.operation import FORMS, Operation, Parameter, operations
from engine.apiserver.openapi.protobuf import encode_document
from engine.apiserver.schema.definitions import REF_PREFIX, VERSION, Definitions, published

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_EXTENSIONS = "x-kubernetes-group-version-kind"
_FORM = 1  # part of the hashes: raise it when documents of equal resources come out differently
_INFO = {"title": "Kubernetes", "version": VERSION}
_METADATA_DESCRIPTION = (
    "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/"
    "sig-architecture/api-conventions.md#metadata"
)
# OpenAPI 2 knows nothing of these.
_NOT_IN_V2 = ("nullable", "anyOf", "oneOf", "not")
_SCALARS: Mapping[str, dict[str, Any]] = {
    "int-or-string": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    "quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
}


@attrs.define(eq=False)
class OpenApi:
    """What ``/openapi`` answers for *resources*.

    Attributes:
        resources: what is served.
        schemas: OpenAPI schemas of kinds that Kubernetes does not publish, by group, version, kind.
    """

    resources: Sequence[Resource]
    schemas: Mapping[tuple[str, str, str], Mapping[str, Any]] = attrs.field(factory=dict)

    @functools.cached_property
    def v2(self) -> bytes:
        """``/openapi/v2`` as JSON."""
        return trimmed(orjson.dumps(self._v2()))

    @functools.cached_property
    def v2_protobuf(self) -> bytes:
        """``/openapi/v2`` as ``com.github.proto-openapi.spec.v2.v1.0+protobuf``."""
        return encode_document(self._v2())

    @functools.cached_property
    def v3_index(self) -> bytes:
        """``/openapi/v3``: where each group's document is, with a hash that changes with it."""
        paths = {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={found}"}
            for path, found in self.hashes.items()
        }
        return orjson.dumps({"paths": paths})

    @functools.cached_property
    def hashes(self) -> dict[str, str]:
        """The hash of each group's document, by its path."""
        return {path: self._hash(of_path) for path, of_path in self._by_path.items()}

    @functools.cached_property
    def hash(self) -> str:
        """The hash of the document of everything."""
        return hashlib.sha256(orjson.dumps(self.hashes)).hexdigest().upper()

    def v3(self, path: str) -> bytes | None:
        """The document of ``api/v1`` or ``apis/GROUP/VERSION``; None if nothing is served there."""
        if path not in self._by_path:
            return None
        if path not in self._v3:
            self._v3[path] = trimmed(orjson.dumps(self._make_v3(self._by_path[path])))
        return self._v3[path]

    _v3: dict[str, bytes] = attrs.field(factory=dict, init=False)

    @functools.cached_property
    def _by_path(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for one in sorted(self.resources, key=lambda one: (one.group, one.version, one.plural)):
            path = f"apis/{one.group}/{one.version}" if one.group else f"api/{one.version}"
            found.setdefault(path, []).append(one)
        return found

    @functools.cached_property
    def _definitions(self) -> Definitions:
        """The published definitions, and one for each resource that has none."""
        known = published()
        by_name, by_kind = dict(known.by_name), dict(known.by_kind)
        for one in self.resources:
            gvk = (one.group, one.version, one.kind)
            if gvk not in by_kind:
                name, definition = _own_definition(one, self.schemas.get(gvk))
                list_name, list_definition = _own_list(one, name)
                by_name |= {name: definition, list_name: list_definition}
                by_kind |= {gvk: name, (one.group, one.version, f"{one.kind}List"): list_name}
        return Definitions(by_name, by_kind)

    def _operations(self, resources: Iterable[Resource]) -> list[Operation]:
        found: list[Operation] = []
        for one in resources:
            name = self._definitions.by_kind[one.group, one.version, one.kind]
            list_name = self._definitions.of_kind(one.group, one.version, f"{one.kind}List")
            found.extend(operations(one, name, list_name or name))
        return found

    def _closure(self, operations: Iterable[Operation]) -> list[str]:
        """The definitions that *operations* use, and those that these use, sorted."""
        pending = [name for one in operations for name in (one.body, one.answer) if name]
        pending += [_META + "WatchEvent", _META + "APIResourceList"]
        found: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(_references(self._definitions.by_name[name]))
        return sorted(found)

    def _v2(self) -> dict[str, Any]:
        operations = self._operations(self.resources)
        paths: dict[str, Any] = {}
        for one in operations:
            paths.setdefault(one.path, {})[one.method] = _v2_operation(one)
        definitions = {
            name: _written(self._definitions.by_name[name], "#/definitions/", is_v3=False)
            for name in self._closure(operations)
        }
        return {"swagger": "2.0", "info": _INFO, "paths": paths, "definitions": definitions}

    def _make_v3(self, resources: Sequence[Resource]) -> dict[str, Any]:
        operations = self._operations(resources)
        paths: dict[str, Any] = {}
        for one in operations:
            paths.setdefault(one.path, {})[one.method] = _v3_operation(one)
        schemas = {
            name: _written(self._definitions.by_name[name], "#/components/schemas/", is_v3=True)
            for name in self._closure(operations)
        }
        return {
            "openapi": "3.0.0",
            "info": _INFO,
            "paths": paths,
            "components": {"schemas": schemas},
        }

    def _hash(self, resources: Sequence[Resource]) -> str:
        """Changes whenever the document would: it is made of what the document is made from."""
        made_from = [
            [
                [one.group, one.version, one.kind, one.plural, one.namespaced],
                [*one.verbs, "/", *one.subresources],
                self.schemas.get((one.group, one.version, one.kind)),
            ]
            for one in resources
        ]
        content = orjson.dumps([_FORM, VERSION, made_from], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(content).hexdigest().upper()


def _own_definition(
    resource: Resource, schema: Mapping[str, Any] | None
) -> tuple[str, dict[str, Any]]:
    """The definition of a kind that Kubernetes does not publish."""
    definition: dict[str, Any] = {**(schema or {"x-kubernetes-preserve-unknown-fields": True})}
    definition["type"] = "object"
    definition["properties"] = {
        **published().by_name["io.k8s.api.core.v1.Namespace"]["properties"],
        **definition.get("properties", {}),
        "metadata": {
            "$ref": f"{REF_PREFIX}{_META}ObjectMeta",
            "description": _METADATA_DESCRIPTION,
        },
    }
    if schema is not None:
        for field in ("spec", "status"):
            if field not in schema.get("properties", {}):
                del definition["properties"][field]
    else:
        definition["properties"] |= {"spec": {"type": "object"}, "status": {"type": "object"}}
    definition[_EXTENSIONS] = [_kind(resource.group, resource.version, resource.kind)]
    return f"{_reversed(resource.group)}.{resource.version}.{resource.kind}", definition


def _own_list(resource: Resource, name: str) -> tuple[str, dict[str, Any]]:
    definition = {
        "description": f"A list of {resource.kind}.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": f"{REF_PREFIX}{_META}ListMeta"},
            "items": {"type": "array", "items": {"$ref": REF_PREFIX + name}},
        },
        _EXTENSIONS: [_kind(resource.group, resource.version, f"{resource.kind}List")],
    }
    return name + "List", definition


def _reversed(group: str) -> str:
    return ".".join(reversed(group.split(".")))


def _references(schema: Mapping[str, Any]) -> Iterable[str]:
    if "$ref" in schema:
        yield schema["$ref"].removeprefix(REF_PREFIX)
    for part in schema.get("properties", {}).values():
        yield from _references(part)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _references(schema[key])


def _written(schema: Mapping[str, Any], prefix: str, *, is_v3: bool) -> dict[str, Any]:
    """A schema with its references pointing to where the document has its definitions."""
    if "$ref" in schema:
        target = prefix + schema["$ref"].removeprefix(REF_PREFIX)
        rest = {key: part for key, part in schema.items() if key != "$ref"}
        if is_v3 and rest:
            return {"allOf": [{"$ref": target}], **rest}
        return {"$ref": target, **rest}
    written = dict(schema) if is_v3 else _without(schema, _NOT_IN_V2)
    if written.get("format") in _SCALARS:
        if is_v3:
            return {
                **{key: part for key, part in written.items() if key not in ("type", "format")},
                **_SCALARS[written["format"]],
            }
        if written["format"] == "quantity":
            del written["format"]
    if "properties" in written:
        written["properties"] = {
            name: _written(part, prefix, is_v3=is_v3)
            for name, part in written["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(written.get(key), dict):
            written[key] = _written(written[key], prefix, is_v3=is_v3)
    return written


def _without(schema: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: part for key, part in schema.items() if key not in keys}


def _common(operation: Operation) -> dict[str, Any]:
    return {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "x-kubernetes-action": operation.action,
        _EXTENSIONS: _kind(*operation.kind),
    }


def _v2_operation(operation: Operation) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {**_parameter(one), "type": one.type, "uniqueItems": True} for one in operation.parameters
    ]
    if operation.body:
        schema = {"$ref": f"#/definitions/{operation.body}"}
        parameters.append({"name": "body", "in": "body", "required": True, "schema": schema})
    answer = {"$ref": f"#/definitions/{operation.answer}"} if operation.answer else _TEXT
    return {
        **_common(operation),
        "consumes": list(operation.consumes),
        "produces": list(FORMS),
        "schemes": ["https"],
        "parameters": parameters,
        "responses": {"200": {"description": "OK", "schema": answer}},
    }


def _v3_operation(operation: Operation) -> dict[str, Any]:
    written = _common(operation)
    written["parameters"] = [
        {**_parameter(one), "schema": {"type": one.type}} for one in operation.parameters
    ]
    if operation.body:
        schema = {"$ref": f"#/components/schemas/{operation.body}"}
        written["requestBody"] = {
            "content": {media: {"schema": schema} for media in operation.consumes},
            "required": operation.body != _META + "DeleteOptions",
        }
    answer = {"$ref": f"#/components/schemas/{operation.answer}"} if operation.answer else _TEXT
    written["responses"] = {
        "200": {"description": "OK", "content": {media: {"schema": answer} for media in FORMS}}
    }
    return written


_TEXT = {"type": "string"}


def _parameter(one: Parameter) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": one.name,
        "in": one.location,
        "description": one.description,
    }
    return written | {"required": True} if one.location == "path" else written


def _kind(group: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group, "version": version, "kind": kind}
