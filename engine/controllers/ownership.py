"""Who controls what: references, indexes by owner, and which objects to adopt or release.

Source: controller_ref_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import attrs

from engine.api.codec import encode_part
from engine.api.meta import ApiObject, OwnerReference, controller_of
from engine.api.selectors import Selector
from engine.apiserver.errors import ConflictError, NotFoundError
from engine.client.client import Client
from engine.client.informer import Informer

T = TypeVar("T", bound=ApiObject)

CONTROLLER_INDEX = "controller"
"""Objects by the uid of their controller; those without one by ``orphans/`` and their namespace."""


@attrs.frozen
class Claims(Generic[T]):
    """What an owner holds, should take, and should let go."""

    keep: tuple[T, ...]
    adopt: tuple[T, ...]
    release: tuple[T, ...]


def controller_reference(owner: ApiObject) -> OwnerReference:
    """The reference by which *owner* controls an object."""
    return OwnerReference(
        api_version=owner.API_VERSION,
        kind=owner.KIND,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def controller_values(obj: ApiObject) -> tuple[str]:
    """The index function of `CONTROLLER_INDEX`."""
    owner = controller_of(obj)
    return (owner.uid if owner is not None else f"orphans/{obj.metadata.namespace}",)


def index_by_controller(informer: Informer[T]) -> None:
    """Let *informer* answer `candidates`."""
    informer.add_index(CONTROLLER_INDEX, controller_values)


def candidates(informer: Informer[T], owner: ApiObject) -> tuple[tuple[T, ...], tuple[T, ...]]:
    """What *owner* controls, and the namespace's objects that nobody controls."""
    by_index = informer.indexer.by_index
    return (
        by_index(CONTROLLER_INDEX, owner.metadata.uid),
        by_index(CONTROLLER_INDEX, f"orphans/{owner.metadata.namespace}"),
    )


def claim(
    owner: ApiObject, selector: Selector, owned: Iterable[T], orphans: Iterable[T]
) -> Claims[T]:
    """Sort objects by their labels; an owner that is being deleted changes nothing.

    Orphans that are being deleted are nobody's.
    """
    is_going = owner.metadata.deletion_timestamp is not None
    keep, release = [], []
    for obj in owned:
        if selector.matches(obj.metadata.labels):
            keep.append(obj)
        elif not is_going:
            release.append(obj)
    adopt = []
    if not is_going:
        adopt = [
            obj
            for obj in orphans
            if obj.metadata.deletion_timestamp is None and selector.matches(obj.metadata.labels)
        ]
    return Claims(tuple(keep), tuple(adopt), tuple(release))


@attrs.define(eq=False)
class Claimer(Generic[T]):
    """Adopts and releases objects in the name of a controller.

    With a *finalizer*, what is adopted gets it and what is released loses it. What does not
    *matter* is left as it is and belongs to nobody.
    """

    client: Client
    informer: Informer[T]
    finalizer: str = ""
    matters: Callable[[T], bool] = attrs.field(default=lambda _obj: True)

    def claim(self, owner: ApiObject, selector: Selector) -> tuple[T, ...]:
        """All objects that are *owner*'s now, after adopting and releasing what must be.

        Raises:
            ApiError: an adoption failed for another reason than that somebody was faster.
        """
        owned, orphans = candidates(self.informer, owner)
        claims = claim(owner, selector, filter(self.matters, owned), filter(self.matters, orphans))
        for obj in claims.release:
            self._release(obj, owner)
        if not claims.adopt:
            return claims.keep
        latest = self.client.get(
            type(owner), owner.metadata.name, namespace=owner.metadata.namespace
        )
        if (
            latest.metadata.uid != owner.metadata.uid
            or latest.metadata.deletion_timestamp is not None
        ):
            return claims.keep
        adopted = [taken for obj in claims.adopt if (taken := self._adopt(obj, owner)) is not None]
        return (*claims.keep, *adopted)

    def _adopt(self, obj: T, owner: ApiObject) -> T | None:
        references = (*obj.metadata.owner_references, controller_reference(owner))
        finalizers = obj.metadata.finalizers
        if self.finalizer and self.finalizer not in finalizers:
            finalizers = (*finalizers, self.finalizer)
        try:
            return self._with_owners(obj, references, finalizers)
        except (NotFoundError, ConflictError):
            return None

    def _release(self, obj: T, owner: ApiObject) -> None:
        references = tuple(
            reference
            for reference in obj.metadata.owner_references
            if reference.uid != owner.metadata.uid
        )
        finalizers = tuple(name for name in obj.metadata.finalizers if name != self.finalizer)
        try:
            self._with_owners(obj, references, finalizers)
        except (NotFoundError, ConflictError):
            return

    def _with_owners(
        self, obj: T, references: tuple[OwnerReference, ...], finalizers: tuple[str, ...]
    ) -> T:
        meta = obj.metadata
        # A patch, because that is what controllers may do to what they own; the revision in it
        # makes sure that nothing has happened meanwhile.
        changes: dict[str, Any] = {
            "resourceVersion": meta.resource_version,
            "ownerReferences": encode_part(references),
        }
        if finalizers != meta.finalizers:
            changes["finalizers"] = list(finalizers)
        return self.client.patch(
            type(obj), meta.name, {"metadata": changes}, namespace=meta.namespace
        )


def resolve_controller(informer: Informer[T], obj: ApiObject) -> T | None:
    """The cached object that controls *obj*, if it is of *informer*'s kind and the same one."""
    reference = controller_of(obj)
    if reference is None or reference.kind != informer.cls.KIND:
        return None
    owner = informer.lister.get(reference.name, namespace=obj.metadata.namespace)
    if owner is None or owner.metadata.uid != reference.uid:
        return None
    return owner
