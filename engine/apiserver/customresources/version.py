"""One served version of a custom resource: its schema, and what follows from it.

Source: apiextensions-apiserver pkg/apiserver/customresource_handler.go, kubernetes v1.34.
"""

import functools
from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from engine.api.codec import DecodeError, encode, parse_time
from engine.api.frozen import EMPTY, freeze, thaw
from engine.api.meta import ApiObject
from engine.api.scheme import make_kind
from engine.apiserver.columns.column import Column, Columns, age
from engine.apiserver.customresources import jsonpath
from engine.apiserver.customresources.pruning import metadata_node, pruned
from engine.apiserver.errors import BadRequestError, Cause
from engine.apiserver.schema.checker import Finding, check
from engine.apiserver.schema.definitions import REF_PREFIX, published
from engine.apiserver.schema.hint import closest
from engine.apiserver.schema.node import Node, build
from engine.apiserver.schema.reading import Reading
from engine.apiserver.schema.structural import validate, with_defaults

_META = {"$ref": REF_PREFIX + "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_KEEPS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@attrs.define(eq=False)
class CustomVersion:
    """What the API server knows of one version of a custom resource.

    Attributes:
        kind: the kind, for messages.
        api_version: group and version.
        schema: its structural schema.
        entry: the version as it stands in the definition.
        stored_class: the class of the version in which its objects are stored.
        is_terminating: the definition is being deleted; nothing can be created any more.
    """

    kind: str
    api_version: str
    schema: Mapping[str, Any]
    entry: Mapping[str, Any]
    stored_class: type[ApiObject]
    is_terminating: bool = False
    _views: dict[str, tuple[Any, Any]] = attrs.field(factory=dict, init=False, repr=False)

    @property
    def has_status(self) -> bool:
        """Whether the status is a subresource."""
        return "status" in self.entry.get("subresources", EMPTY)

    @property
    def scale(self) -> Mapping[str, str] | None:
        """The paths of the scale subresource, or None if it has none."""
        found: Mapping[str, str] | None = self.entry.get("subresources", EMPTY).get("scale")
        return found

    @property
    def warning(self) -> str:
        """What a client of a deprecated version is told; empty if it is none."""
        if not self.entry.get("deprecated"):
            return ""
        said = self.entry.get("deprecationWarning")
        return str(said) if said else f"{self.api_version} {self.kind} is deprecated"

    @functools.cached_property
    def node(self) -> Node:
        """How its lists and maps merge, for server-side apply."""
        properties = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            **self.schema.get("properties", {}),
            "metadata": _META,
        }
        return build({**self.schema, "type": "object", "properties": properties}, published())

    def read(
        self,
        value: dict[str, Any],
        *,
        field_validation: str,
        duplicates: tuple[Finding, ...] | list[Finding] = (),
    ) -> Reading:
        """*value* pruned and with its defaults, and what the client is warned of.

        Raises:
            BadRequestError: its metadata cannot be read, or fields are unknown or repeated and the
                request is strict.
        """
        self._check_metadata(value)
        kept, lost = pruned(value, self.schema)
        # The body is read first and pruned then, so what is repeated is told before what is lost.
        strays = [*duplicates, *(_unknown(path, self.node) for path in sorted(lost))]
        said = tuple(str(one) for one in strays)
        if said and field_validation == "Strict":
            raise BadRequestError(
                f'{self.kind} in version "{self.api_version.rpartition("/")[2]}" cannot be handled '
                f"as a {self.kind}: strict decoding error: " + ", ".join(said)
            )
        return Reading(
            value=self.defaulted(kept),
            warnings=said if field_validation == "Warn" else (),
        )

    def defaulted(self, value: dict[str, Any]) -> dict[str, Any]:
        """*value* with the schema's defaults, and nulls gone where a default or nothing may be."""
        filled: dict[str, Any] = with_defaults(value, self.schema)
        return filled

    def view(self, obj: Any) -> Any:
        """A stored object in this version: pruned by its schema, and with its defaults."""
        known = self._views.get(obj.metadata.uid)
        if known is not None and known[0] is obj:
            return known[1]
        cls = make_kind(self.api_version, self.kind)
        kept, _ = pruned({"metadata": {}, **obj.extra}, self.schema)
        kept = self.defaulted(kept)
        del kept["metadata"]
        extra = freeze(kept)
        seen = obj
        if type(obj) is not cls or extra != obj.extra:
            seen = cls(metadata=obj.metadata, extra=extra)
        if len(self._views) >= _VIEWS_KEPT:
            del self._views[next(iter(self._views))]
        self._views[obj.metadata.uid] = (obj, seen)
        return seen

    def validate(self, obj: Any, old: Any | None = None) -> list[Cause]:
        """What of *obj* the schema forbids; what *old* had already is let pass."""
        value = encode(obj)
        causes = validate(value, self.schema)
        causes += _embedded(value, self.schema, "")
        if causes and old is not None:
            before = encode(old)
            causes = [cause for cause in causes if not _unchanged(cause, value, before)]
        return causes

    @functools.cached_property
    def columns(self) -> Columns:
        """What kubectl shows: the name and the definition's columns, or the age."""
        given = self.entry.get("additionalPrinterColumns") or (
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        )
        listed = [Column("Name", "string", 0, _NAME_DESCRIPTION)]
        listed += [
            Column(
                str(one.get("name", "")),
                str(one.get("type", "string")),
                int(one.get("priority", 0)),
                str(one.get("description", "")),
                str(one.get("format", "")),
            )
            for one in given
        ]
        makers = [(str(one.get("type", "")), str(one.get("jsonPath", ""))) for one in given]

        def cells(obj: Any, now: float) -> tuple[Any, ...]:
            value = encode(obj)
            return (obj.metadata.name, *(_cell(value, type_, path, now) for type_, path in makers))

        return Columns(tuple(listed), cells)

    @functools.cached_property
    def selectable(self) -> dict[str, str]:
        """The fields one can select by: without the dot, and their paths."""
        fields = self.entry.get("selectableFields") or ()
        return {str(one["jsonPath"]).lstrip("."): str(one["jsonPath"]) for one in fields}

    def selected_value(self, obj: Any, field: str) -> str:
        """The value of a selectable field as text; empty if there is none."""
        found = jsonpath.first(encode(obj), self.selectable[field])
        if found is None:
            return ""
        if isinstance(found, bool):
            return "true" if found else "false"
        return str(found)

    def _check_metadata(self, value: dict[str, Any]) -> None:
        metadata = value.get("metadata")
        wrong = [one for one in check(metadata, metadata_node()) if one.fault == "type"]
        if metadata is not None and not isinstance(metadata, dict):
            wrong = [Finding("type", "metadata", "metadata: expected a map of fields")]
        if wrong:
            raise BadRequestError(
                f'{self.kind} in version "{self.api_version.rpartition("/")[2]}" cannot be '
                f"handled as a {self.kind}: " + ", ".join(f"metadata.{one}" for one in wrong)
            )


_VIEWS_KEPT = 20_000

_NAME_DESCRIPTION = (
    "Name must be unique within a namespace. Is required when creating resources, although some "
    "resources may allow a client to request the generation of an appropriate name automatically. "
    "Name is primarily intended for creation idempotence and configuration definition. Cannot be "
    "updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)


def schema_of(entry: Mapping[str, Any], *, keeps_unknown: bool) -> Mapping[str, Any]:
    """The schema of a version as it stands in its definition; one that keeps all if it has none."""
    schema = (entry.get("schema") or EMPTY).get("openAPIV3Schema")
    if schema is None:
        return freeze(_KEEPS)  # type: ignore[no-any-return]  # a map stays a map
    if keeps_unknown:
        return schema.with_items({"x-kubernetes-preserve-unknown-fields": True})  # type: ignore[no-any-return]  # as above
    return schema  # type: ignore[no-any-return]  # as above


def _unknown(path: str, node: Node) -> Finding:
    parent, _, name = path.rpartition(".")
    known: Node | None = node
    for part in parent.replace("[", ".[").split(".") if parent else ():
        if known is None:
            break
        known = known.item if part.startswith("[") else known.child(part)
    hint = closest(name, known.fields) if known is not None and known.shape == "object" else ""
    return Finding("unknown", path, f'unknown field "{path}"', hint)


def _cell(value: Any, type_: str, path: str, now: float) -> Any:
    try:
        found = jsonpath.find(value, path)
    except jsonpath.PathError:
        return None
    if not found:
        return None
    one = found[0]
    if type_ == "string":
        return _text(one)
    if type_ == "integer":
        return int(one) if isinstance(one, int | float) and not isinstance(one, bool) else None
    if type_ == "number":
        return one if isinstance(one, int | float) and not isinstance(one, bool) else None
    if type_ == "boolean":
        return one if isinstance(one, bool) else None
    if type_ == "date":
        try:
            return age(parse_time(one), now) if isinstance(one, str) else "<invalid>"
        except DecodeError:
            return "<invalid>"
    return None


def _text(one: Any) -> str:
    if isinstance(one, str):
        return one
    if isinstance(one, bool):
        return "true" if one else "false"
    if one is None:
        return "<nil>"
    return orjson.dumps(thaw(one)).decode() if isinstance(one, dict | list | tuple) else str(one)


def _embedded(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    """What is wrong with objects inside the object: kind and version they must have."""
    causes: list[Cause] = []
    if isinstance(value, dict):
        if schema.get("x-kubernetes-embedded-resource"):
            for name in ("apiVersion", "kind"):
                if not value.get(name):
                    place = f"{path}.{name}" if path else name
                    causes.append(
                        Cause(
                            field=place,
                            message="Required value: must not be empty",
                            reason="FieldValueRequired",
                        )
                    )
        extra = schema.get("additionalProperties")
        for key, part in value.items():
            inner = schema.get("properties", EMPTY).get(key, extra)
            if isinstance(inner, Mapping) and not (not path and key == "metadata"):
                causes += _embedded(part, inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple) and isinstance(schema.get("items"), Mapping):
        for index, part in enumerate(value):
            causes += _embedded(part, schema["items"], f"{path}[{index}]")
    return causes


_MISSING: Any = object()


def _unchanged(cause: Cause, value: Any, before: Any) -> bool:
    """Whether what *cause* is about was there before, and just so: it is let pass."""
    names = cause.field.replace("[", ".[").split(".")
    if cause.reason == "FieldValueRequired":
        names = names[:-1]
    new, old = _at(value, names), _at(before, names)
    return bool(names) and new is not _MISSING and bool(new == old)


def _at(value: Any, names: list[str]) -> Any:
    for name in names:
        if name.startswith("[") and isinstance(value, list | tuple) and name[1:-1].isdigit():
            index = int(name[1:-1])
            value = value[index] if index < len(value) else _MISSING
        elif isinstance(value, dict):
            value = value.get(name, _MISSING)
        else:
            return _MISSING
    return value
