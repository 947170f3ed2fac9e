"""Claims, volumes and classes as the scheduler's caches have them, and what it is about to bind.

The seam to whoever binds and provisions: the scheduler writes the claim's annotation
``volume.kubernetes.io/selected-node``, or the volume's ``spec.claimRef``, and then waits until the
claim is bound.

Source: volumebinding/binder.go, kubernetes v1.34.
"""

from collections.abc import Iterator
from typing import Protocol, TypeVar

import attrs

from engine.api.ephemeral import claim_name, mismatch
from engine.api.meta import ApiObject
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.quantity import parse
from engine.api.selectors import Selector, from_label_selector, matches
from engine.api.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass
from engine.scheduler.pod_info import PodInfo

SELECTED_NODE = "volume.kubernetes.io/selected-node"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
WAIT_FOR_CONSUMER = "WaitForFirstConsumer"

T_co = TypeVar("T_co", bound=ApiObject, covariant=True)


class Source(Protocol[T_co]):
    """Reads a cache."""

    def get(self, name: str, *, namespace: str = "") -> T_co | None:
        """The object of that name, or None."""
        ...

    def __iter__(self) -> Iterator[T_co]: ...


@attrs.define
class Table(Source[T_co]):
    """A cache of a few objects, by name: for tests, benchmarks and clusters without volumes."""

    objects: tuple[T_co, ...] = ()

    def get(self, name: str, *, namespace: str = "") -> T_co | None:
        """The object of that name, or None."""
        for obj in self.objects:
            if obj.metadata.name == name and obj.metadata.namespace == namespace:
                return obj
        return None

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.objects)


@attrs.frozen(kw_only=True)
class Claims:
    """A pod's claims: bound ones with their volumes, those to bind once the node is known.

    *problem* says why the pod cannot be scheduled at all, or "".
    """

    bound: tuple[tuple[PersistentVolumeClaim, PersistentVolume], ...] = ()
    delayed: tuple[PersistentVolumeClaim, ...] = ()
    problem: str = ""


@attrs.define(eq=False, kw_only=True)
class VolumeView:
    """What is known of volumes.

    Attributes:
        assumed: names of volumes that are about to be bound, by the key of their claim.
    """

    claims: Source[PersistentVolumeClaim] = attrs.field(factory=Table)
    volumes: Source[PersistentVolume] = attrs.field(factory=Table)
    classes: Source[StorageClass] = attrs.field(factory=Table)
    csi_nodes: Source[CSINode] = attrs.field(factory=Table)
    drivers: Source[CSIDriver] = attrs.field(factory=Table)
    capacities: Source[CSIStorageCapacity] = attrs.field(factory=Table)
    assumed: dict[str, str] = attrs.field(factory=dict)

    def claims_of(self, info: PodInfo) -> Claims:
        """The pod's claims by what has to be done about them."""
        bound: list[tuple[PersistentVolumeClaim, PersistentVolume]] = []
        delayed: list[PersistentVolumeClaim] = []
        is_unbound = False
        for name in info.claims:
            claim = self.claims.get(name, namespace=info.namespace)
            problem = _problem(claim, name, info.pod)
            if claim is None or problem:
                return Claims(problem=problem)
            if claim.spec.volume_name and BIND_COMPLETED in claim.metadata.annotations:
                volume = self.volumes.get(claim.spec.volume_name)
                if volume is None:
                    where = f'"{claim.metadata.name}" bound to non-existent persistentvolume'
                    return Claims(
                        problem=f'persistentvolumeclaim {where} "{claim.spec.volume_name}"'
                    )
                bound.append((claim, volume))
            elif self.is_delayed(claim):
                delayed.append(claim)
            else:
                is_unbound = True
        problem = "pod has unbound immediate PersistentVolumeClaims" if is_unbound else ""
        return Claims(bound=tuple(bound), delayed=tuple(delayed), problem=problem)

    def is_delayed(self, claim: PersistentVolumeClaim) -> bool:
        """Whether the claim is bound when its pod gets a node."""
        if claim.spec.volume_name:
            return False
        found = self.class_of(claim)
        return found is not None and found.volume_binding_mode == WAIT_FOR_CONSUMER

    def class_of(self, claim: PersistentVolumeClaim) -> StorageClass | None:
        """The claim's storage class, if it has one that exists."""
        name = claim.spec.storage_class_name
        return self.classes.get(name) if name else None

    def available_for(self, claim: PersistentVolumeClaim) -> tuple[PersistentVolume, ...]:
        """The volumes that could be bound to a claim, the smallest first.

        A volume that was bound to the claim in advance comes before all others.

        Source: FindMatchingVolume, component-helpers storage/volume, kubernetes v1.34.
        """
        wanted = parse(claim.spec.resources.requests.get("storage", "0"))
        taken = {name for key, name in self.assumed.items() if key != claim.key}
        found = []
        for volume in self.volumes:
            size = parse(volume.spec.capacity.get("storage", "0"))
            if volume.metadata.name in taken or size < wanted or not _suits(claim, volume):
                continue
            is_reserved = volume.spec.claim_ref is not None
            found.append((not is_reserved, size, volume.metadata.name, volume))
        found.sort(key=lambda item: item[:3])
        return tuple(item[3] for item in found)

    def is_provisionable(self, claim: PersistentVolumeClaim) -> bool:
        """Whether the claim's class makes volumes."""
        found = self.class_of(claim)
        return found is not None and found.provisioner not in ("", NO_PROVISIONER)

    def places_with_room(self, claim: PersistentVolumeClaim) -> tuple[Selector, ...] | None:
        """Selectors of the nodes where the claim's driver has room for it; None for all nodes.

        Only of drivers that publish what they have.

        Source: hasEnoughCapacity, volumebinding/binder.go, kubernetes v1.34.
        """
        wanted = claim.spec.resources.requests.get("storage")
        found = self.class_of(claim)
        driver = self.drivers.get(found.provisioner) if found is not None else None
        if found is None or wanted is None or driver is None or not driver.spec.storage_capacity:
            return None
        size = parse(wanted)
        return tuple(
            selector
            for capacity in self.capacities
            if capacity.storage_class_name == found.metadata.name
            and (limit := capacity.maximum_volume_size or capacity.capacity) is not None
            and parse(limit) >= size
            and (selector := from_label_selector(capacity.node_topology)) is not None
        )


def _problem(claim: PersistentVolumeClaim | None, name: str, pod: Pod) -> str:
    is_own = any(
        volume.extra.get("ephemeral") and claim_name(pod, volume) == name
        for volume in pod.spec.volumes
    )
    if claim is None and is_own:
        who = "ephemeral volume controller"
        return f'waiting for {who} to create the persistentvolumeclaim "{name}"'
    if claim is None:
        return f'persistentvolumeclaim "{name}" not found'
    if claim.status.phase == "Lost":
        where = f'bound to non-existent persistentvolume "{claim.spec.volume_name}"'
        return f'persistentvolumeclaim "{name}" {where}'
    if claim.metadata.deletion_timestamp is not None:
        return f'persistentvolumeclaim "{name}" is being deleted'
    return mismatch(claim, pod) if is_own else ""


def _suits(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    owner = volume.spec.claim_ref
    if owner is not None:
        is_ours = (owner.namespace, owner.name) == (claim.metadata.namespace, claim.metadata.name)
        return is_ours and owner.uid in ("", claim.metadata.uid)
    spec = claim.spec
    return (
        volume.metadata.deletion_timestamp is None
        and volume.status.phase in ("", "Available")
        and (volume.spec.storage_class_name or "") == (spec.storage_class_name or "")
        and (volume.spec.volume_mode or "Filesystem") == (spec.volume_mode or "Filesystem")
        and set(spec.access_modes) <= set(volume.spec.access_modes)
        and (spec.selector is None or matches(spec.selector, volume.metadata.labels))
    )
