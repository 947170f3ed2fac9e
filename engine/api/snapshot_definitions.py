"""The CustomResourceDefinitions of volume snapshots, as a cluster with snapshots has them.

Source: external-snapshotter v8 client/config/crd (fields, columns and names).
"""

from typing import Any

from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.scheme import make_kind
from engine.api.snapshot import GROUP

_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_NUMBER: dict[str, Any] = {"type": "integer", "format": "int64"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_POLICY: dict[str, Any] = {"type": "string", "enum": ["Delete", "Retain"]}
_QUANTITY: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
_SHORT_NAMES = {
    "VolumeSnapshot": ("vs",),
    "VolumeSnapshotContent": ("vsc", "vscs"),
    "VolumeSnapshotClass": ("vsclass", "vsclasses"),
}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return found | ({"required": list(required)} if required else {})


_ERROR = _object({"message": _TEXT, "time": _TIME})
_STRINGS = {"type": "object", "additionalProperties": _TEXT}

_SNAPSHOT = {
    "spec": _object(
        {
            "source": _object(
                {"persistentVolumeClaimName": _TEXT, "volumeSnapshotContentName": _TEXT}
            ),
            "volumeSnapshotClassName": _TEXT,
        },
        "source",
    ),
    "status": _object(
        {
            "boundVolumeSnapshotContentName": _TEXT,
            "creationTime": _TIME,
            "error": _ERROR,
            "readyToUse": _FLAG,
            "restoreSize": _QUANTITY,
            "volumeGroupSnapshotName": _TEXT,
        }
    ),
}
_CONTENT = {
    "spec": _object(
        {
            "deletionPolicy": _POLICY,
            "driver": _TEXT,
            "source": _object({"snapshotHandle": _TEXT, "volumeHandle": _TEXT}),
            "sourceVolumeMode": _TEXT,
            "volumeSnapshotClassName": _TEXT,
            "volumeSnapshotRef": _object(
                {
                    "apiVersion": _TEXT,
                    "fieldPath": _TEXT,
                    "kind": _TEXT,
                    "name": _TEXT,
                    "namespace": _TEXT,
                    "resourceVersion": _TEXT,
                    "uid": _TEXT,
                }
            ),
        },
        "deletionPolicy",
        "driver",
        "source",
        "volumeSnapshotRef",
    ),
    "status": _object(
        {
            "creationTime": _NUMBER,
            "error": _ERROR,
            "readyToUse": _FLAG,
            "restoreSize": _NUMBER,
            "snapshotHandle": _TEXT,
            "volumeGroupSnapshotHandle": _TEXT,
        }
    ),
}
_CLASS = {"deletionPolicy": _POLICY, "driver": _TEXT, "parameters": _STRINGS}

_COLUMNS = {
    "VolumeSnapshot": (
        ("ReadyToUse", "boolean", ".status.readyToUse"),
        ("SourcePVC", "string", ".spec.source.persistentVolumeClaimName"),
        ("SourceSnapshotContent", "string", ".spec.source.volumeSnapshotContentName"),
        ("RestoreSize", "string", ".status.restoreSize"),
        ("SnapshotClass", "string", ".spec.volumeSnapshotClassName"),
        ("SnapshotContent", "string", ".status.boundVolumeSnapshotContentName"),
        ("CreationTime", "date", ".status.creationTime"),
    ),
    "VolumeSnapshotContent": (
        ("ReadyToUse", "boolean", ".status.readyToUse"),
        ("RestoreSize", "integer", ".status.restoreSize"),
        ("DeletionPolicy", "string", ".spec.deletionPolicy"),
        ("Driver", "string", ".spec.driver"),
        ("VolumeSnapshotClass", "string", ".spec.volumeSnapshotClassName"),
        ("VolumeSnapshot", "string", ".spec.volumeSnapshotRef.name"),
        ("VolumeSnapshotNamespace", "string", ".spec.volumeSnapshotRef.namespace"),
    ),
    "VolumeSnapshotClass": (
        ("Driver", "string", ".driver"),
        ("DeletionPolicy", "string", ".deletionPolicy"),
    ),
}


def definitions() -> tuple[ApiObject, ...]:
    """The three definitions, as objects to create."""
    return (
        _definition("VolumeSnapshot", _SNAPSHOT, ("spec",), is_namespaced=True),
        _definition("VolumeSnapshotContent", _CONTENT, ("spec",)),
        _definition("VolumeSnapshotClass", _CLASS, ("deletionPolicy", "driver")),
    )


def _definition(
    kind: str,
    properties: dict[str, Any],
    required: tuple[str, ...],
    *,
    is_namespaced: bool = False,
) -> ApiObject:
    plural = kind.lower() + ("es" if kind.endswith("s") else "s")
    columns = [
        {"name": name, "type": type_, "jsonPath": path} for name, type_, path in _COLUMNS[kind]
    ]
    columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": _object(properties, *required)},
    }
    if "status" in properties:
        version["subresources"] = {"status": {}}
    spec = {
        "group": GROUP,
        "scope": "Namespaced" if is_namespaced else "Cluster",
        "names": {
            "kind": kind,
            "listKind": f"{kind}List",
            "plural": plural,
            "singular": kind.lower(),
            "shortNames": list(_SHORT_NAMES[kind]),
        },
        "versions": [version],
    }
    cls: Any = make_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    approved = "https://github.com/kubernetes-csi/external-snapshotter/pull/814"
    meta = ObjectMeta(
        name=f"{plural}.{GROUP}",
        annotations=FrozenDict({"api-approved.kubernetes.io": approved}),
    )
    made: ApiObject = cls(metadata=meta, extra=FrozenDict({"spec": freeze(spec)}))
    return made
