"""The scale subresource of custom resources: replicas at the paths their definition names.

Source: apiextensions-apiserver pkg/registry/customresource/etcd.go, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.autoscaling import Scale, ScaleSpec, ScaleStatus
from engine.api.codec import encode
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ObjectMeta
from engine.apiserver.customresources import jsonpath
from engine.apiserver.customresources.version import CustomVersion
from engine.apiserver.errors import InternalError, InvalidError
from engine.apiserver.validation import invalid


def custom_scale(version: CustomVersion, obj: Any) -> Scale:
    """The Scale of a custom resource.

    Raises:
        InternalError: it says nowhere how many replicas it wants.
    """
    paths = version.scale or EMPTY
    value = encode(obj)
    wanted = jsonpath.first(value, str(paths.get("specReplicasPath", "")))
    if not isinstance(wanted, int):
        raise InternalError(
            "Internal error occurred: the spec replicas field "
            f'"{paths.get("specReplicasPath", "")}" does not exist'
        )
    found = jsonpath.first(value, str(paths.get("statusReplicasPath", "")))
    selector = paths.get("labelSelectorPath")
    text = jsonpath.first(value, str(selector)) if selector else ""
    meta = obj.metadata
    return Scale(
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=meta.resource_version,
            creation_timestamp=meta.creation_timestamp,
        ),
        spec=ScaleSpec(replicas=wanted),
        status=ScaleStatus(
            replicas=found if isinstance(found, int) else 0,
            selector=text if isinstance(text, str) else "",
        ),
    )


def with_custom_scale(version: CustomVersion, obj: Any, scale: Scale) -> Any:
    """*obj* with the number of replicas that *scale* asks for.

    Raises:
        InvalidError: the number is negative.
    """
    replicas = scale.spec.replicas
    name = obj.metadata.name
    if replicas < 0:
        cause = invalid("spec.replicas", replicas, "should be a non-negative integer")
        raise InvalidError.of("Scale", name, [cause], group="autoscaling")
    given = scale.metadata.resource_version
    metadata = attrs.evolve(obj.metadata, resource_version=given or obj.metadata.resource_version)
    names = jsonpath.simple_names(str((version.scale or EMPTY)["specReplicasPath"]))
    return attrs.evolve(obj, metadata=metadata, extra=_with(obj.extra, names, replicas))


def _with(value: Any, names: tuple[str, ...], replicas: int) -> FrozenDict[str, Any]:
    known: FrozenDict[str, Any] = value if isinstance(value, FrozenDict) else EMPTY
    head, *rest = names
    changed = _with(known.get(head), tuple(rest), replicas) if rest else replicas
    return known.with_items({head: changed})
