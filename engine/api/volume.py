"""Volumes of a pod: those whose source the kubelet reads are typed, the others are carried."""

import attrs

from engine.api.container import FieldSelector, ResourceFieldSelector
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.wire import Json


@attrs.frozen(kw_only=True)
class KeyToPath:
    """One key as a file."""

    key: str
    path: str
    mode: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ConfigMapVolumeSource:
    """A ConfigMap's keys as files."""

    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class SecretVolumeSource:
    """A Secret's keys as files."""

    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class EmptyDirVolumeSource:
    """A directory that lives as long as the pod."""

    medium: str = ""
    size_limit: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class HostPathVolumeSource:
    """A path of the node."""

    path: str
    type: str | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DownwardAPIVolumeFile:
    """One field of the pod as a file."""

    path: str
    field_ref: FieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DownwardAPIVolumeSource:
    """Fields of the pod as files."""

    items: tuple[DownwardAPIVolumeFile, ...] = ()
    default_mode: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class PersistentVolumeClaimVolumeSource:
    """A claim of the same namespace."""

    claim_name: str
    read_only: bool = False
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class Volume:
    """A volume and its source; one source is set, or it is carried in `extra`."""

    name: str
    config_map: ConfigMapVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    empty_dir: EmptyDirVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = attrs.field(
        default=None, metadata={"wire_name": "downwardAPI"}
    )
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    projected: Json | None = None
    extra: FrozenDict[str, Json] = EMPTY
