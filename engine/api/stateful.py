"""apps/v1: StatefulSet, DaemonSet and ControllerRevision."""

from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.meta import ApiObject, Condition, LabelSelector
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import PodTemplateSpec
from engine.api.wire import IntOrString, Json, wire


@attrs.frozen(kw_only=True)
class RollingUpdateStatefulSetStrategy:
    """Pods below *partition* keep their old template."""

    partition: int | None = None
    max_unavailable: IntOrString | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StatefulSetUpdateStrategy:
    """RollingUpdate or OnDelete."""

    type: str = ""
    rolling_update: RollingUpdateStatefulSetStrategy | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StatefulSetOrdinals:
    """The number of the first pod."""

    start: int = wire(always=True, default=0)
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StatefulSetPersistentVolumeClaimRetentionPolicy:
    """Retain or Delete the claims when the set is deleted, or scaled down."""

    when_deleted: str = ""
    when_scaled: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StatefulSetSpec:
    """How many numbered pods of which template, with which claims of their own."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplateSpec = wire(always=True, default=PodTemplateSpec())
    volume_claim_templates: tuple[PersistentVolumeClaim, ...] = ()
    service_name: str = wire(always=True, default="")
    pod_management_policy: str = ""
    update_strategy: StatefulSetUpdateStrategy = StatefulSetUpdateStrategy()
    revision_history_limit: int | None = None
    min_ready_seconds: int = 0
    persistent_volume_claim_retention_policy: (
        StatefulSetPersistentVolumeClaimRetentionPolicy | None
    ) = None
    ordinals: StatefulSetOrdinals | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StatefulSetStatus:
    """What the stateful set controller last saw."""

    observed_generation: int = 0
    replicas: int = wire(always=True, default=0)
    ready_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()
    available_replicas: int = wire(always=True, default=0)
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StatefulSet(ApiObject):
    """Pods with numbers: each keeps its name, its address and its storage."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "StatefulSet"

    spec: StatefulSetSpec = wire(always=True, default=StatefulSetSpec())
    status: StatefulSetStatus = wire(always=True, default=StatefulSetStatus())


@attrs.frozen(kw_only=True)
class RollingUpdateDaemonSet:
    """How far an update may go above and below one pod for each node."""

    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DaemonSetUpdateStrategy:
    """RollingUpdate or OnDelete."""

    type: str = ""
    rolling_update: RollingUpdateDaemonSet | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DaemonSetSpec:
    """Which template runs on every fitting node, and how it is updated."""

    selector: LabelSelector | None = None
    template: PodTemplateSpec = wire(always=True, default=PodTemplateSpec())
    update_strategy: DaemonSetUpdateStrategy = DaemonSetUpdateStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DaemonSetStatus:
    """What the daemon set controller last saw; all counts are of nodes."""

    current_number_scheduled: int = wire(always=True, default=0)
    number_misscheduled: int = wire(always=True, default=0)
    desired_number_scheduled: int = wire(always=True, default=0)
    number_ready: int = wire(always=True, default=0)
    observed_generation: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class DaemonSet(ApiObject):
    """One pod on every fitting node."""

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "DaemonSet"

    spec: DaemonSetSpec = wire(always=True, default=DaemonSetSpec())
    status: DaemonSetStatus = wire(always=True, default=DaemonSetStatus())


@attrs.frozen(kw_only=True)
class ControllerRevision(ApiObject):
    """What the template of a set was at some time; never changed once made.

    *number* is the wire's ``revision``; `revision` is the store's, as for every object.
    """

    API_VERSION: ClassVar[str] = "apps/v1"
    KIND: ClassVar[str] = "ControllerRevision"

    data: Json = None
    number: int = wire("revision", always=True, default=0)
