"""What authors of services, volumes, claims, classes and nodes should know though it is allowed.

Source: pkg/api/service/warnings.go, pkg/api/persistentvolume, persistentvolumeclaim, storage and
node util.go, kubernetes v1.34.
"""

from typing import Any

from engine.api import quantity
from engine.api.codec import encode
from engine.api.core import Service
from engine.apiserver.warnings import DEPRECATED_LABELS, OLD_SOURCES, term_warnings

_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_OLD_CLASS_SAID = (
    f'metadata.annotations[{_OLD_CLASS}]: deprecated since v1.8; use "storageClassName" attribute '
    "instead"
)
_OLD_OPTIONS = "volume.beta.kubernetes.io/mount-options"
_OLD_OPTIONS_SAID = (
    f'metadata.annotations[{_OLD_OPTIONS}]: deprecated since v1.31; use "mountOptions" attribute '
    "instead"
)
_RECYCLE_SAID = (
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
    "recommended approach is to use dynamic provisioning."
)


def service_warnings(service: Service) -> list[str]:
    """Of what a service without an address cannot use."""
    spec = service.spec
    if spec.cluster_ip != "None":
        return []
    wire = encode(service).get("spec", {})
    ignored = []
    if wire.get("loadBalancerIP"):
        ignored.append("spec.loadBalancerIP")
    if wire.get("externalIPs"):
        ignored.append("spec.externalIPs")
    if (spec.session_affinity or "None") != "None":
        ignored.append("spec.SessionAffinity")
    return [f'{field} is ignored when spec.clusterIP is "None"' for field in ignored]


def volume_warnings(volume: Any) -> list[str]:
    """Of a PersistentVolume: old annotations, labels and kinds of storage."""
    annotations, spec = volume.metadata.annotations, encode(volume).get("spec", {})
    found = []
    if _OLD_CLASS in annotations:
        found.append(_OLD_CLASS_SAID)
    if _OLD_OPTIONS in annotations:
        found.append(_OLD_OPTIONS_SAID)
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append(_RECYCLE_SAID)
    required = (spec.get("nodeAffinity") or {}).get("required") or {}
    place = "spec.nodeAffinity.required.nodeSelectorTerms"
    found += term_warnings(required.get("nodeSelectorTerms"), place)
    return [
        *found,
        *(f"spec.{kind}: {OLD_SOURCES[kind]}" for kind in spec if kind in OLD_SOURCES),
    ]


def claim_warnings(claim: Any, path: str = "") -> list[str]:
    """Of a PersistentVolumeClaim: the class by annotation, amounts that are no whole bytes."""
    found = []
    if _OLD_CLASS in claim.metadata.annotations:
        found.append(path + _OLD_CLASS_SAID)
    amounts = encode_resources(claim)
    for field in ("requests", "limits"):
        text = (amounts.get(field) or {}).get("storage")
        if text is not None and quantity.parse(str(text)) % 1:
            found.append(
                f'{path}spec.resources.{field}[storage]: fractional byte value "{text}" is invalid,'
                " must be an integer"
            )
    return found


def encode_resources(claim: Any) -> dict[str, Any]:
    """What *claim* asks for, in wire form."""
    spec: dict[str, Any] = encode(claim).get("spec", {})
    return spec.get("resources") or {}


def class_warnings(storage_class: Any) -> list[str]:
    """Of a StorageClass that names old labels."""
    found = []
    for index, term in enumerate(encode(storage_class).get("allowedTopologies") or ()):
        for number, expression in enumerate(term.get("matchLabelExpressions") or ()):
            key = expression.get("key", "")
            if key in DEPRECATED_LABELS:
                place = f"allowedTopologies[{index}].matchLabelExpressions[{number}].key"
                found.append(f"{place}: {key} is {DEPRECATED_LABELS[key]}")
    return found


def node_warnings(node: Any) -> list[str]:
    """Of fields of a Node that nobody reads any more."""
    spec = encode(node).get("spec", {})
    found = []
    if spec.get("configSource"):
        found.append("spec.configSource: the feature is removed")
    if spec.get("externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return found
