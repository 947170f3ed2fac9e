"""All that can be wrong with a CustomResourceDefinition.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.api.frozen import EMPTY
from engine.apiserver.customresources import jsonpath
from engine.apiserver.customresources.structural_rules import schema_faults
from engine.apiserver.errors import Cause
from engine.apiserver.validation import (
    forbidden,
    invalid,
    label_1035_faults,
    required,
    subdomain_faults,
    unsupported,
)

Json = Mapping[str, Any]

_APPROVED = "api-approved.kubernetes.io"
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_MOST_SELECTABLE = 8


def definition_faults(crd: Any) -> list[Cause]:
    """All that is wrong with *crd* as it stands."""
    spec = crd.extra.get("spec", EMPTY)
    names, group = spec.get("names", EMPTY), str(spec.get("group") or "")
    causes: list[Cause] = []
    wanted = f"{names.get('plural', '')}.{group}"
    if crd.metadata.name != wanted:
        causes.append(
            invalid("metadata.name", crd.metadata.name, 'must be spec.names.plural+"."+spec.group')
        )
    causes += _approval(crd, group)
    causes += _group(group)
    scope = spec.get("scope") or ""
    if scope not in ("Cluster", "Namespaced"):
        causes.append(
            unsupported("spec.scope", scope, ("Cluster", "Namespaced"))
            if scope
            else required("spec.scope")
        )
    causes += _names(names, "spec.names")
    causes += _versions(spec)
    causes += _conversion(spec.get("conversion") or EMPTY)
    return causes


def definition_update_faults(new: Any, old: Any) -> list[Cause]:
    """What *new* changes of *old* that stays for good."""
    spec, before = new.extra.get("spec", EMPTY), old.extra.get("spec", EMPTY)
    status = new.extra.get("status") or EMPTY
    fields = ["group"]
    if is_condition_true(old, "Established"):
        fields.append("scope")
    causes = [
        invalid(f"spec.{name}", spec.get(name), "field is immutable")
        for name in fields
        if spec.get(name) != before.get(name)
    ]
    fixed = ["plural"] + (["kind"] if is_condition_true(old, "Established") else [])
    causes += [
        invalid(f"spec.names.{name}", spec.get("names", EMPTY).get(name), "field is immutable")
        for name in fixed
        if spec.get("names", EMPTY).get(name) != before.get("names", EMPTY).get(name)
    ]
    known = {version.get("name") for version in spec.get("versions", ())}
    for index, name in enumerate(status.get("storedVersions") or ()):
        if name not in known:
            causes.append(
                invalid(
                    f"status.storedVersions[{index}]",
                    name,
                    f"missing from spec.versions; {name} was previously a storage version, and "
                    "must remain in spec.versions until a storage migration ensures no data "
                    f"remains persisted in {name} and removes {name} from status.storedVersions",
                )
            )
    return causes


def is_condition_true(crd: Any, type_: str) -> bool:
    """Whether the definition has a condition of that type and it is True."""
    conditions = (crd.extra.get("status") or EMPTY).get("conditions") or ()
    return any(one.get("type") == type_ and one.get("status") == "True" for one in conditions)


def _approval(crd: Any, group: str) -> Iterator[Cause]:
    is_protected = group.endswith((".k8s.io", ".kubernetes.io")) or group in (
        "k8s.io",
        "kubernetes.io",
    )
    if is_protected and not crd.metadata.annotations.get(_APPROVED):
        yield required(
            f"metadata.annotations[{_APPROVED}]",
            f'protected groups must have approval annotation "{_APPROVED}", see '
            "https://github.com/kubernetes/enhancements/pull/1111",
        )


def _group(group: str) -> Iterator[Cause]:
    if not group:
        yield required("spec.group")
        return
    for fault in subdomain_faults(group):
        yield invalid("spec.group", group, fault)
    if "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")


def _names(names: Json, path: str) -> Iterator[Cause]:
    for name in ("plural", "singular"):
        value = str(names.get(name) or "")
        if not value and name == "plural":
            yield required(f"{path}.{name}")
        for fault in label_1035_faults(value) if value else ():
            yield invalid(f"{path}.{name}", value, fault)
    yield from _kinds(names, path)
    for name in ("shortNames", "categories"):
        for index, value in enumerate(names.get(name) or ()):
            for fault in label_1035_faults(value):
                yield invalid(f"{path}.{name}[{index}]", value, fault)


def _kinds(names: Json, path: str) -> Iterator[Cause]:
    for name in ("kind", "listKind"):
        value = str(names.get(name) or "")
        if not value:
            yield required(f"{path}.{name}")
        for fault in label_1035_faults(value.lower()) if value else ():
            said = f"may have mixed case, but should otherwise match: {fault}"
            yield invalid(f"{path}.{name}", value, said)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid(
            f"{path}.listKind", names.get("listKind"), "kind and listKind may not be the same"
        )


def _versions(spec: Json) -> Iterator[Cause]:
    versions = spec.get("versions") or ()
    if not versions:
        yield required("spec.versions", "must have exactly one version marked as storage version")
        return
    if spec.get("preserveUnknownFields"):
        yield invalid(
            "spec.preserveUnknownFields",
            value=True,
            message="must be false in order to use defaults in the schema"
            if _has_default(versions)
            else "must be false",
        )
    named = [str(version.get("name") or "") for version in versions]
    if len(set(named)) != len(named):
        yield invalid("spec.versions", _shown(named), "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid(
            "spec.versions",
            _shown(named),
            "must have exactly one version marked as storage version",
        )
    for index, version in enumerate(versions):
        yield from _version(version, f"spec.versions[{index}]")


def _has_default(versions: Any) -> bool:
    return '"default"' in repr(versions).replace("'", '"')


def _shown(names: list[str]) -> str:
    return "[" + ", ".join(names) + "]"


def _version(version: Json, path: str) -> Iterator[Cause]:
    name = str(version.get("name") or "")
    for fault in label_1035_faults(name):
        yield invalid(f"{path}.name", name, fault)
    if version.get("deprecationWarning") and not version.get("deprecated"):
        yield invalid(
            f"{path}.deprecationWarning",
            version["deprecationWarning"],
            "can only be set for deprecated versions",
        )
    schema = (version.get("schema") or EMPTY).get("openAPIV3Schema")
    if schema is None:
        yield required(f"{path}.schema.openAPIV3Schema", "schemas are required")
    else:
        yield from schema_faults(schema, f"{path}.schema.openAPIV3Schema")
    yield from _subresources(version.get("subresources") or EMPTY, f"{path}.subresources")
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        yield from _column(column, f"{path}.additionalPrinterColumns[{index}]")
    yield from _selectable(version, schema or EMPTY, f"{path}.selectableFields")


def _subresources(subresources: Json, path: str) -> Iterator[Cause]:
    scale = subresources.get("scale")
    if scale is None:
        return
    for name, roots, is_required in (
        ("specReplicasPath", (".spec.",), True),
        ("statusReplicasPath", (".status.",), True),
        ("labelSelectorPath", (".spec.", ".status."), False),
    ):
        given = str(scale.get(name) or "")
        if not given:
            if is_required:
                yield required(f"{path}.scale.{name}")
            continue
        try:
            jsonpath.simple_names(given)
        except jsonpath.PathError:
            yield invalid(f"{path}.scale.{name}", given, "must be a simple json path")
            continue
        if not given.startswith(roots):
            under = " or ".join(root.rstrip(".") for root in roots)
            yield invalid(f"{path}.scale.{name}", given, f"should be a json path under {under}")


def _column(column: Json, path: str) -> Iterator[Cause]:
    if not column.get("name"):
        yield required(f"{path}.name")
    type_ = column.get("type")
    if not type_:
        yield required(
            f"{path}.type", 'must be one of "boolean", "date", "integer", "number", "string"'
        )
    elif type_ not in _COLUMN_TYPES:
        yield unsupported(f"{path}.type", type_, _COLUMN_TYPES)
    if column.get("format") and column["format"] not in _COLUMN_FORMATS:
        yield unsupported(f"{path}.format", column["format"], _COLUMN_FORMATS)
    given = column.get("jsonPath")
    if not given:
        yield required(f"{path}.jsonPath")
        return
    try:
        jsonpath.parse(str(given))
    except jsonpath.PathError as error:
        yield invalid(f"{path}.jsonPath", given, str(error))


def _selectable(version: Json, schema: Json, path: str) -> Iterator[Cause]:
    fields = version.get("selectableFields") or ()
    if len(fields) > _MOST_SELECTABLE:
        yield Cause(
            field=path,
            message=f"Too many: {len(fields)}: must have at most {_MOST_SELECTABLE} items",
            reason="FieldValueTooMany",
        )
    for index, one in enumerate(fields):
        given = str(one.get("jsonPath") or "")
        place = f"{path}[{index}].jsonPath"
        if not given:
            yield required(place)
            continue
        try:
            names = jsonpath.simple_names(given)
        except jsonpath.PathError:
            yield invalid(place, given, "is an invalid path")
            continue
        if names[0] == "metadata":
            yield forbidden(place, "must not point to fields in metadata")
            continue
        found: Any = schema
        for name in names:
            found = (found or EMPTY).get("properties", EMPTY).get(name)
        if found is None:
            yield invalid(place, given, "is an invalid path: does not exist in the schema")
        elif found.get("type") not in ("string", "integer", "boolean"):
            yield invalid(
                place,
                given,
                "must point to a field of type string, boolean or integer. Enum string fields and "
                "strings with formats are allowed.",
            )


def _conversion(conversion: Json) -> Iterator[Cause]:
    strategy = conversion.get("strategy") or "None"
    if strategy not in ("None", "Webhook"):
        yield unsupported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    webhook = conversion.get("webhook")
    if strategy == "Webhook" and not (webhook or EMPTY).get("clientConfig"):
        yield required(
            "spec.conversion.webhookClientConfig", "required when strategy is set to Webhook"
        )
    if strategy == "None" and webhook:
        yield forbidden(
            "spec.conversion.webhook", "should not be set when strategy is not set to Webhook"
        )
