"""Checks every object: names, labels, annotations, owners. All faults are found, none is raised.

Source: k8s.io/apimachinery api/validation and util/validation, kubernetes v1.34.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import orjson

from engine.api.codec import encode_part
from engine.api.meta import ObjectMeta
from engine.api.scheme import Resource
from engine.apiserver.errors import Cause

_LABEL_CHARACTERS = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_DNS_LABEL_1035 = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(
    r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*"
)
_QUALIFIED_NAME = re.compile(_LABEL_CHARACTERS)
_LABEL_VALUE = re.compile(f"(?:{_LABEL_CHARACTERS})?")

# Kinds whose names become DNS labels, and those that may hold nearly anything in a path.
_LABEL_NAMES = frozenset({"Namespace"})
_LABEL_1035_NAMES = frozenset({"Service"})
_PATH_NAMES = frozenset({"APIService", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
# Groups of servers of their own: their finalizers need no path.
_OTHER_GROUPS = frozenset({"apiextensions.k8s.io", "apiregistration.k8s.io", "kubarium.dev"})
_FINALIZERS = frozenset({"foregroundDeletion", "kubernetes", "orphan"})
_ANNOTATIONS_LIMIT = 256 * 1024

NOT_A_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
NOT_A_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
NOT_A_1035_LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    "regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
NOT_A_QUALIFIED_NAME = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
NOT_A_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def required(field: str, message: str = "") -> Cause:
    """*field* is missing."""
    text = f"Required value: {message}" if message else "Required value"
    return Cause(field=field, message=text, reason="FieldValueRequired")


def invalid(field: str, value: object, message: str) -> Cause:
    """*field* has a value it cannot have."""
    return Cause(field=field, message=f"Invalid value: {show(value)}: {message}")


def forbidden(field: str, message: str) -> Cause:
    """*field* may not be set, or not be changed."""
    return Cause(field=field, message=f"Forbidden: {message}", reason="FieldValueForbidden")


def duplicate(field: str, value: object) -> Cause:
    """*field* has a value that may occur only once."""
    return Cause(
        field=field, message=f"Duplicate value: {show(value)}", reason="FieldValueDuplicate"
    )


def unsupported(field: str, value: object, allowed: tuple[str, ...]) -> Cause:
    """*field* has a value that is none of *allowed*."""
    listed = ", ".join(f'"{item}"' for item in sorted(allowed))
    return Cause(
        field=field,
        message=f"Unsupported value: {show(value)}: supported values: {listed}",
        reason="FieldValueNotSupported",
    )


def not_found(field: str, value: object) -> Cause:
    """*field* refers to something that is not there."""
    return Cause(field=field, message=f"Not found: {show(value)}", reason="FieldValueNotFound")


def too_many(field: str, count: int, limit: int) -> Cause:
    """*field* has more than *limit* items."""
    message = f"Too many: {count}: must have at most {limit} items"
    return Cause(field=field, message=message, reason="FieldValueTooMany")


def one_of(field: str, value: str | None, allowed: tuple[str, ...]) -> list[Cause]:
    """*field* must be one of *allowed*."""
    if not value:
        return [required(field)]
    return [] if value in allowed else [unsupported(field, value, allowed)]


def at_least_zero(field: str, value: int | None) -> list[Cause]:
    """*field* may be unset, and may not be negative."""
    if value is None or value >= 0:
        return []
    return [invalid(field, value, "must be greater than or equal to 0")]


def unchanged(field: str, new: object, old: object) -> list[Cause]:
    """*field* may not change."""
    return [] if new == old else [invalid(field, new, "field is immutable")]


def invalid_all(field: str, value: object, faults: Iterable[str]) -> list[Cause]:
    """A cause for each of *faults* of *value*."""
    return [invalid(field, value, fault) for fault in faults]


def show(value: object) -> str:
    """*value* as messages quote it: texts in quotes, what has parts as JSON.

    Source: field.Error.ErrorBody of k8s.io/apimachinery util/validation, kubernetes v1.34.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return orjson.dumps(encode_part(value)).decode()


@lru_cache(maxsize=8192)
def subdomain_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from being a DNS subdomain."""
    faults = () if len(name) <= 253 else ("must be no more than 253 bytes",)
    return faults if _DNS_SUBDOMAIN.fullmatch(name) else (*faults, NOT_A_SUBDOMAIN)


@lru_cache(maxsize=8192)
def label_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from being a DNS label."""
    faults = () if len(name) <= 63 else ("must be no more than 63 bytes",)
    return faults if _DNS_LABEL.fullmatch(name) else (*faults, NOT_A_LABEL)


def label_1035_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from being a DNS label that begins with a letter."""
    faults = () if len(name) <= 63 else ("must be no more than 63 bytes",)
    return faults if _DNS_LABEL_1035.fullmatch(name) else (*faults, NOT_A_1035_LABEL)


@lru_cache(maxsize=8192)
def qualified_name_faults(name: str) -> tuple[str, ...]:
    """What keeps *name* from being the key of a label: ``example.com/name`` or ``name``."""
    prefix, slash, part = name.rpartition("/")
    faults: tuple[str, ...] = ()
    if slash:
        if not prefix:
            faults = ("prefix part must be non-empty",)
        else:
            faults = tuple(f"prefix part {fault}" for fault in subdomain_faults(prefix))
    if not part:
        return (*faults, "name part must be non-empty")
    if len(part) > 63:
        faults = (*faults, "name part must be no more than 63 bytes")
    return faults if _QUALIFIED_NAME.fullmatch(part) else (*faults, NOT_A_QUALIFIED_NAME)


@lru_cache(maxsize=8192)
def label_value_faults(value: str) -> tuple[str, ...]:
    """What keeps *value* from being the value of a label."""
    faults = () if len(value) <= 63 else ("must be no more than 63 bytes",)
    return faults if _LABEL_VALUE.fullmatch(value) else (*faults, NOT_A_LABEL_VALUE)


def validate_labels(labels: Mapping[str, str], path: str) -> list[Cause]:
    """All that is wrong with *labels*."""
    causes = []
    for key, value in labels.items():
        causes += [invalid(path, key, fault) for fault in qualified_name_faults(key)]
        causes += [invalid(path, value, fault) for fault in label_value_faults(value)]
    return causes


def name_faults(kind: str, name: str) -> tuple[str, ...]:
    """What keeps *name* from naming an object of *kind*."""
    if kind in _LABEL_NAMES:
        return label_faults(name)
    if kind in _LABEL_1035_NAMES:
        return label_1035_faults(name)
    if kind in _PATH_NAMES:
        if name in (".", ".."):
            return (f"may not be '{name}'",)
        return tuple(f"may not contain '{bad}'" for bad in "/%" if bad in name)
    return subdomain_faults(name)


def validate_metadata(
    meta: ObjectMeta, resource: Resource, *, path: str = "metadata"
) -> list[Cause]:
    """All that is wrong with the metadata of an object of *resource*."""
    causes: list[Cause] = []
    if not meta.name:
        causes.append(required(f"{path}.name", "name or generateName is required"))
    else:
        causes += [
            invalid(f"{path}.name", meta.name, fault)
            for fault in name_faults(resource.kind, meta.name)
        ]
    if resource.namespaced:
        causes += [
            invalid(f"{path}.namespace", meta.namespace, fault)
            for fault in label_faults(meta.namespace)
        ]
    if meta.labels:
        causes += validate_labels(meta.labels, f"{path}.labels")
    if meta.annotations:
        causes += _validate_annotations(meta.annotations, f"{path}.annotations")
    for index, finalizer in enumerate(meta.finalizers):
        faults = qualified_name_faults(finalizer)
        causes += invalid_all(f"{path}.finalizers", finalizer, faults)
        is_ours = resource.custom is None and resource.group not in _OTHER_GROUPS
        if is_ours and "/" not in finalizer and finalizer not in _FINALIZERS:
            message = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(invalid(f"{path}.finalizers[{index}]", finalizer, message))
    if meta.owner_references:
        causes += _validate_owners(meta, f"{path}.ownerReferences")
    return causes


def validate_metadata_update(new: ObjectMeta, old: ObjectMeta) -> list[Cause]:
    """All that an update may not change in the metadata."""
    if old.deletion_timestamp is None:
        return []
    added = [name for name in new.finalizers if name not in old.finalizers]
    if not added:
        return []
    message = (
        "no new finalizers can be added if the object is being deleted, found new finalizers "
        f"[{', '.join(show(name) for name in added)}]"
    )
    return [forbidden("metadata.finalizers", message)]


def _validate_annotations(annotations: Mapping[str, str], path: str) -> list[Cause]:
    causes, size = [], 0
    for key, value in annotations.items():
        size += len(key) + len(value)
        causes += [invalid(path, key, fault) for fault in qualified_name_faults(key.lower())]
    if size > _ANNOTATIONS_LIMIT:
        causes.append(
            Cause(
                field=path,
                message=f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes",
                reason="FieldValueTooLong",
            )
        )
    return causes


def _validate_owners(meta: ObjectMeta, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for index, owner in enumerate(meta.owner_references):
        for field, value in (
            ("apiVersion", owner.api_version),
            ("kind", owner.kind),
            ("name", owner.name),
            ("uid", owner.uid),
        ):
            if not value:
                causes.append(invalid(f"{path}[{index}].{field}", value, "must not be empty"))
    controllers = [owner for owner in meta.owner_references if owner.controller]
    if len(controllers) > 1:
        causes.append(
            invalid(
                path,
                f"{controllers[0].name}, {controllers[1].name}",
                "Only one reference can have Controller set to true. Found "
                f'"true" in references for {controllers[0].name} and {controllers[1].name}',
            )
        )
    return causes
