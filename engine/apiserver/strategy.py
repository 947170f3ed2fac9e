"""What is particular about writing objects of one kind; most kinds use what is here."""

from typing import Any, Protocol

import attrs

from engine.api.evolution import evolve
from engine.api.frozen import EMPTY
from engine.api.meta import ApiObject
from engine.api.wire import Time
from engine.apiserver.errors import Cause
from engine.apiserver.request import DeleteOptions
from engine.apiserver.storage import ObjectStorage
from engine.kernel.rng import Stream


class Surroundings(Protocol):
    """What a strategy may look at besides the object: the store, the time, chance, addresses."""

    storage: ObjectStorage
    service_cidr: str
    cluster_domain: str

    @property
    def now(self) -> Time:
        """The time in whole seconds."""
        ...

    def stream(self, name: str) -> Stream:
        """A random stream."""
        ...


def status_of(obj: Any) -> Any:
    """The status of *obj*: an attrs object or, for kinds the engine does not read, frozen JSON."""
    return obj.status if hasattr(type(obj), "status") else obj.extra.get("status")


def with_status(obj: Any, status: Any) -> Any:
    """*obj* with another status; None takes it away."""
    if hasattr(type(obj), "status"):
        if status is None:
            status = attrs.fields_dict(type(obj))["status"].default
        return obj if status == obj.status else evolve(obj, status=status)
    if status is None:
        return evolve(obj, extra=obj.extra.without("status")) if "status" in obj.extra else obj
    return evolve(obj, extra=obj.extra.with_items({"status": status}))


def spec_of(obj: Any) -> Any:
    """The spec of *obj*, or None for kinds that have none."""
    return obj.spec if hasattr(type(obj), "spec") else obj.extra.get("spec")


class Strategy:
    """How objects of a kind are prepared, defaulted and checked when they are written.

    All methods are pure; what they need of the cluster is in *around*.
    """

    has_status = True
    has_generation = True
    may_create_on_update = False
    keeps_metadata = False
    """Whether an update of the status leaves labels, annotations and finalizers alone."""

    def for_subresource(self, subresource: str) -> "Strategy | None":
        """How part of the spec is written through *subresource*; None if it does not do that."""
        del subresource
        return None

    ratchets = False
    """Whether an update is judged by `validate_update` alone: what was there before may stay."""
    deletion_finalizers: tuple[str, ...] = ()
    """What holds an object of this kind from the moment it is deleted."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """What is stored first: without what only controllers may say."""
        del around
        return with_status(obj, None) if self.has_status else obj

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """*new* with what an update of the main resource cannot change: the status."""
        del around
        return with_status(new, status_of(old)) if self.has_status else new

    def prepare_for_status_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """*old* with what an update of the status can change: the metadata too, of most kinds."""
        del around
        changed = with_status(old, status_of(new))
        if self.keeps_metadata or new.metadata == old.metadata:
            return changed
        return evolve(changed, metadata=new.metadata)

    def default(self, obj: Any) -> Any:
        """*obj* with what a client may leave away."""
        return obj

    def allocate(self, obj: Any, old: Any | None, around: Surroundings) -> Any:
        """*obj* with addresses and ports given to it; runs last, on what is valid."""
        del old, around
        return obj

    def validate(self, obj: Any) -> list[Cause]:
        """All that is wrong with *obj*."""
        del obj
        return []

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """All that *new* changes and may not, besides what `validate` says."""
        del new, old
        return []

    def validate_status_update(self, new: Any, old: Any) -> list[Cause]:
        """All that an update of the status says and may not."""
        del new, old
        return []

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """What its author should know of *new*, though it is allowed: old ways, bad practice."""
        del new, old
        return []

    def grace_period(self, obj: Any, options: DeleteOptions) -> int | None:
        """How long *obj* gets to end after a deletion, in seconds; None if it just goes."""
        del obj, options
        return None

    def is_held(self, obj: Any) -> bool:
        """Whether something besides metadata.finalizers keeps a deleted *obj*."""
        del obj
        return False

    def mark_deleted(self, obj: Any) -> Any:
        """*obj* as it looks while it is being deleted, besides its metadata."""
        return obj

    def changes_generation(self, new: Any, old: Any) -> bool:
        """Whether the update asks for something new."""
        return bool(spec_of(new) != spec_of(old))


class WithoutStatus(Strategy):
    """Kinds that are only data: they have neither status nor generation."""

    has_status = False
    has_generation = False


class WithoutGeneration(Strategy):
    """Kinds whose controllers do not need to know which spec they have seen."""

    has_generation = False


class StatusAlone(Strategy):
    """Kinds whose status is written without their metadata."""

    keeps_metadata = True


class GenerationOnly(Strategy):
    """Kinds without a status whose content counts as a spec."""

    has_status = False

    def changes_generation(self, new: Any, old: Any) -> bool:
        """Any change besides the metadata."""
        return bool(evolve(new, metadata=old.metadata) != old)


def without_spec_changes(new: ApiObject, old: Any) -> Any:
    """*old* with the status of *new*, its labels and annotations, as pods and nodes have it."""
    return evolve(
        with_status(old, status_of(new)),
        metadata=evolve(
            old.metadata, labels=new.metadata.labels or EMPTY, annotations=new.metadata.annotations
        ),
    )
