"""Checks the volumes of pods. All faults are found, none is raised.

Source: ValidateVolumes of pkg/apis/core/validation, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import attrs

from engine.api.codec import encode_part
from engine.api.frozen import FrozenDict, freeze
from engine.api.volume import Volume
from engine.api.wire import wire_name
from engine.apiserver.container_validation import (
    config_key_faults,
    relative_path_faults,
    validate_field,
)
from engine.apiserver.errors import Cause
from engine.apiserver.resource_validation import quantity_causes
from engine.apiserver.validation import (
    duplicate,
    forbidden,
    invalid,
    invalid_all,
    label_faults,
    required,
    unsupported,
)

_HOST_PATHS = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
_FIELDS = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
    "metadata.uid",
)  # fmt: skip
_TYPED = tuple(
    (field.name, wire_name(field))
    for field in attrs.fields(Volume)
    if field.name not in ("name", "extra")
)
_MODES = "must be a number between 0 and 0777 (octal), both inclusive"


def validate_volumes(volumes: Iterable[Volume], path: str) -> tuple[list[Cause], dict[str, None]]:
    """All that is wrong with *volumes*, and their names."""
    causes: list[Cause] = []
    names: dict[str, None] = {}
    for index, volume in enumerate(volumes):
        place = f"{path}[{index}]"
        if not volume.name:
            causes.append(required(f"{place}.name"))
        else:
            causes += invalid_all(f"{place}.name", volume.name, label_faults(volume.name))
            if volume.name in names:
                causes.append(duplicate(f"{place}.name", volume.name))
        names[volume.name] = None
        causes += _sources(volume, place)
    return causes, names


def _sources(volume: Volume, path: str) -> list[Cause]:
    given = [field for name, field in _TYPED if getattr(volume, name) is not None]
    given += volume.extra
    if not given:
        return [required(path, "must specify a volume type")]
    causes = [
        forbidden(f"{path}.{field}", "may not specify more than 1 volume type")
        for field in given[1:]
    ]
    field = given[0]
    check = _CHECKS.get(field)
    if check is None:
        return causes
    if volume.projected is not None and field == "projected":
        return [*causes, *_projected(volume.projected, f"{path}.projected")]
    return causes + check(encode_part(volume)[field], f"{path}.{field}")


def _items(source: Mapping[str, Any], path: str) -> list[Cause]:
    causes = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for index, item in enumerate(source.get("items") or ()):
        place = f"{path}.items[{index}]"
        key, file = item.get("key", ""), item.get("path", "")
        if not key:
            causes.append(required(f"{place}.key"))
        else:
            causes += invalid_all(f"{place}.key", key, config_key_faults(key))
        if not file:
            causes.append(required(f"{place}.path"))
        else:
            causes += invalid_all(f"{place}.path", file, relative_path_faults(file))
        causes += _mode(item.get("mode"), f"{place}.mode")
    return causes


def _mode(value: int | None, path: str) -> list[Cause]:
    if value is None or 0 <= value <= 0o777:
        return []
    return [invalid(path, value, _MODES)]


def _config_map(source: Mapping[str, Any], path: str) -> list[Cause]:
    missing = [] if source.get("name") else [required(f"{path}.name")]
    return [*missing, *_items(source, path)]


def _secret(source: Mapping[str, Any], path: str) -> list[Cause]:
    missing = [] if source.get("secretName") else [required(f"{path}.secretName")]
    return [*missing, *_items(source, path)]


def _claim(source: Mapping[str, Any], path: str) -> list[Cause]:
    return [] if source.get("claimName") else [required(f"{path}.claimName")]


def _host_path(source: Mapping[str, Any], path: str) -> list[Cause]:
    where, kind = source.get("path", ""), source.get("type") or ""
    if not where:
        return [required(f"{path}.path")]
    causes = []
    if ".." in where.split("/"):
        causes.append(invalid(f"{path}.path", where, "must not contain '..'"))
    if kind not in _HOST_PATHS:
        causes.append(unsupported(f"{path}.type", kind, _HOST_PATHS))
    return causes


def _empty_dir(source: Mapping[str, Any], path: str) -> list[Cause]:
    size = source.get("sizeLimit")
    return [] if size is None else quantity_causes(str(size), f"{path}.sizeLimit")


def _downward(source: Mapping[str, Any], path: str) -> list[Cause]:
    causes = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for index, item in enumerate(source.get("items") or ()):
        place = f"{path}.items[{index}]"
        file = item.get("path", "")
        if not file:
            causes.append(required(f"{place}.path"))
        else:
            causes += invalid_all(f"{place}.path", file, relative_path_faults(file))
        field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
        if field is not None and resource is not None:
            message = "fieldRef and resourceFieldRef can not be specified simultaneously"
            causes.append(invalid(place, "resource", message))
        elif field is not None:
            causes += validate_field(field.get("fieldPath", ""), f"{place}.fieldRef", _FIELDS)
        elif resource is None:
            message = "one of fieldRef and resourceFieldRef is required"
            causes.append(required(f"{place}.fieldRef", message))
        elif not resource.get("containerName"):
            causes.append(required(f"{place}.resourceFieldRef.containerName"))
        causes += _mode(item.get("mode"), f"{place}.mode")
    return causes


@lru_cache(maxsize=256)
def _projected(source: FrozenDict[str, Any], path: str) -> tuple[Cause, ...]:
    """Remembered, because nearly every pod has the same one: the token of its account."""
    causes = _mode(source.get("defaultMode"), f"{path}.defaultMode")
    for index, part in enumerate(source.get("sources") or ()):
        place = f"{path}.sources[{index}]"
        given = list(part)
        causes += [
            forbidden(f"{place}.{field}", "may not specify more than 1 volume type")
            for field in given[1:]
        ]
        if not given:
            continue
        field, inner = given[0], part[given[0]]
        if field in ("configMap", "secret"):
            if not inner.get("name"):
                causes.append(required(f"{place}.{field}.name"))
            causes += _items(inner, f"{place}.{field}")
        elif field == "downwardAPI":
            causes += _downward(inner, f"{place}.{field}")
        elif field == "serviceAccountToken":
            causes += _token(inner, f"{place}.{field}")
    return tuple(causes)


def _token(source: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not source.get("path"):
        causes.append(required(f"{path}.path"))
    seconds = source.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        message = "may not specify a duration less than 10 minutes"
        causes.append(invalid(f"{path}.expirationSeconds", seconds, message))
    return causes


def _nfs(source: Mapping[str, Any], path: str) -> list[Cause]:
    causes = [required(f"{path}.{field}") for field in ("server", "path") if not source.get(field)]
    if source.get("path") and not source["path"].startswith("/"):
        causes.append(invalid(f"{path}.path", source["path"], "must be an absolute path"))
    return causes


_CHECKS = {
    "configMap": _config_map,
    "downwardAPI": _downward,
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "nfs": _nfs,
    "persistentVolumeClaim": _claim,
    "projected": lambda source, path: [*_projected(freeze(source), path)],
    "secret": _secret,
}
