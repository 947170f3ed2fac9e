"""What all API objects share: metadata, owners, conditions, selectors."""

import sys
from typing import ClassVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.wire import Json, Time, wire


@attrs.frozen(kw_only=True)
class OwnerReference:
    """Who owns an object; it goes when all its owners are gone."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ObjectMeta:
    """Name, identity, revision and relations of an object."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: FrozenDict[str, str] = EMPTY
    annotations: FrozenDict[str, str] = EMPTY
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    managed_fields: tuple[Json, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ApiObject:
    """Base of every API object: its kind and its metadata. Frozen and shared by reference."""

    API_VERSION: ClassVar[str] = ""
    KIND: ClassVar[str] = ""

    metadata: ObjectMeta = wire(always=True, factory=ObjectMeta)
    extra: FrozenDict[str, Json] = EMPTY

    @property
    def key(self) -> str:
        """``namespace/name``, or the name alone for what belongs to the cluster."""
        meta = self.metadata
        if not meta.namespace:
            return meta.name
        # A dozen caches are keyed by it: they share one text.
        return sys.intern(f"{meta.namespace}/{meta.name}")

    @property
    def revision(self) -> int:
        """The store revision at which this object was last written; 0 if it never was."""
        version = self.metadata.resource_version
        return int(version) if version else 0

    def __str__(self) -> str:
        return f"{self.KIND.lower()}/{self.key}"


@attrs.frozen(kw_only=True)
class Condition:
    """One aspect of an object's state, as its controller sees it.

    Serves the conditions of all kinds; a kind without one of the times leaves it unset.
    """

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: Time | None = None
    last_update_time: Time | None = None
    last_heartbeat_time: Time | None = None
    last_probe_time: Time | None = None
    observed_generation: int = 0
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class StandardCondition(Condition):
    """A metav1.Condition: its reason and message are written even when they say nothing."""

    reason: str = wire(always=True, default="")
    message: str = wire(always=True, default="")


@attrs.frozen(kw_only=True)
class LabelSelectorRequirement:
    """One expression of a label selector: In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class LabelSelector:
    """Labels an object must have and expressions they must meet, all of them."""

    match_labels: FrozenDict[str, str] = EMPTY
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class LocalObjectReference:
    """An object in the same namespace, by name."""

    name: str = ""
    extra: FrozenDict[str, Json] = EMPTY


@attrs.frozen(kw_only=True)
class ObjectReference:
    """An object of any kind, as events and endpoints point to it."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""
    extra: FrozenDict[str, Json] = EMPTY


def condition_of(conditions: tuple[Condition, ...], type_: str) -> Condition | None:
    """The condition of that type, or None."""
    for condition in conditions:
        if condition.type == type_:
            return condition
    return None


def is_true(conditions: tuple[Condition, ...], type_: str) -> bool:
    """Whether there is a condition of that type and its status is True."""
    condition = condition_of(conditions, type_)
    return condition is not None and condition.status == "True"


def controller_of(obj: ApiObject) -> OwnerReference | None:
    """The owner that manages *obj*, or None."""
    for owner in obj.metadata.owner_references:
        if owner.controller:
            return owner
    return None
