"""What the scheduler hears of the cluster: informers in, the table, the queue and hints out.

Source: eventhandlers.go, kubernetes v1.34.
"""

from typing import Any, Protocol

import attrs

from engine.api.core import Namespace, Service
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.policy import PodDisruptionBudget
from engine.api.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass
from engine.client.informer import Informer, InformerFactory
from engine.scheduler.decider import Decider
from engine.scheduler.hints import ClusterEvent
from engine.scheduler.node_table import NodeTable
from engine.scheduler.pod_info import PodInfo, pod_info
from engine.scheduler.volume_view import VolumeView

_VOLUME_KINDS: tuple[type[ApiObject], ...] = (
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    CSINode,
    CSIDriver,
    CSIStorageCapacity,
)
_GONE = frozenset({"Succeeded", "Failed"})


class Listener(Protocol):
    """What the caches tell."""

    table: NodeTable
    decider: Decider

    def is_ours(self, pod: Pod) -> bool:
        """Whether a pod waits for us to find its node."""

    def put_waiting(self, key: str, old: Pod | None, new: Pod) -> None:
        """Take note of a pod without a node."""

    def forget_pod(self, key: str, uid: str) -> None:
        """Take note that a pod is gone."""

    def bound(self, key: str) -> None:
        """Take note that a pod has its node."""

    def happened(self, event: ClusterEvent) -> None:
        """Take note of what may help waiting pods."""

    def claim_changed(self, key: str) -> None:
        """Take note of what may be a claim's end of waiting."""


@attrs.define(eq=False, repr=False)
class Caches:
    """The scheduler's informers and their handlers."""

    informers: InformerFactory
    listener: Listener
    pods: Informer[Pod] = attrs.field(init=False)
    budgets: Informer[PodDisruptionBudget] = attrs.field(init=False)
    services: Informer[Service] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pods = self.informers.informer(Pod)
        self.budgets = self.informers.informer(PodDisruptionBudget)
        self.services = self.informers.informer(Service)

    def volume_view(self) -> VolumeView:
        """Claims, volumes and classes as the caches have them."""
        return VolumeView(
            claims=self.informers.informer(PersistentVolumeClaim).lister,
            volumes=self.informers.informer(PersistentVolume).lister,
            classes=self.informers.informer(StorageClass).lister,
            csi_nodes=self.informers.informer(CSINode).lister,
            drivers=self.informers.informer(CSIDriver).lister,
            capacities=self.informers.informer(CSIStorageCapacity).lister,
        )

    def follow(self) -> None:
        """Hear of every change from now on."""
        self.informers.informer(Namespace).add_handler(self._on_namespace)
        self.informers.informer(Node).add_handler(self._on_node)
        for cls in _VOLUME_KINDS:
            self.informers.informer(cls).add_handler(self._on_volume)
        self.services.add_handler(self._on_service)
        self.pods.add_handler(self._on_pod)

    def _on_namespace(self, key: str, _old: Namespace | None, new: Namespace | None) -> None:
        if new is not None:
            self.listener.table.counts.put_namespace(key, new.metadata.labels)
        else:
            self.listener.table.counts.forget_namespace(key)

    def _on_node(self, _key: str, old: Node | None, new: Node | None) -> None:
        table = self.listener.table
        if new is None:
            if old is not None:
                table.remove_node(old.metadata.name)
                self.listener.happened(ClusterEvent(kind="Node", old=old))
        elif old is not None and new.metadata.name in table.rows and not _differs(old, new):
            table.replace_node(new)
        else:
            table.put_node(new)
            self.listener.happened(ClusterEvent(kind="Node", old=old, new=new))

    def _on_service(self, _key: str, old: Service | None, new: Service | None) -> None:
        if old is None or new is None or old.spec.selector != new.spec.selector:
            self.listener.decider.forget_unowned()

    def _on_volume(self, key: str, old: Any, new: Any) -> None:
        found: ApiObject = new if new is not None else old
        self.listener.decider.renew()
        if isinstance(found, PersistentVolumeClaim):
            self.listener.claim_changed(key)
        self.listener.happened(ClusterEvent(kind=found.KIND, old=old, new=new))

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self.listener.forget_pod(key, old.metadata.uid)
            self._free(key)
        elif new.spec.node_name:
            self._on_bound(key, old, new)
        elif self.listener.is_ours(new):
            self.listener.put_waiting(key, old, new)
        elif new.metadata.deletion_timestamp is not None or new.status.phase in _GONE:
            self.listener.forget_pod(key, new.metadata.uid)
            self._free(key)

    def _on_bound(self, key: str, old: Pod | None, new: Pod) -> None:
        table = self.listener.table
        if new.status.phase in _GONE:
            self.listener.bound(key)
            self._free(key)
            return
        before = table.placed(key)
        if before is not None and old is not None and not _counts_otherwise(old, new):
            return
        self.listener.bound(key)
        info = pod_info(new)
        is_news = old is None or not old.spec.node_name
        if table.place(info, new.spec.node_name) or is_news:
            self._tell(None if is_news else before, info)

    def _free(self, key: str) -> None:
        placed = self.listener.table.displace(key)
        if placed is not None:
            self._tell(placed.info, None)

    def _tell(self, old: PodInfo | None, new: PodInfo | None) -> None:
        info = new or old
        assert info is not None
        labels = self.listener.table.counts.labels_of(info.namespace)
        self.listener.happened(
            ClusterEvent(kind="Pod", old_pod=old, new_pod=new, namespace_labels=labels)
        )


def _differs(old: Node, new: Node) -> bool:
    """Whether a node changed in something that a filter or score looks at."""
    return (
        old.metadata.uid != new.metadata.uid
        or old.status.allocatable != new.status.allocatable
        or old.metadata.labels != new.metadata.labels
        or old.spec.taints != new.spec.taints
        or old.spec.unschedulable != new.spec.unschedulable
        or old.status.images != new.status.images
    )


def _counts_otherwise(old: Pod, new: Pod) -> bool:
    """Whether a pod changed in something that it counts for on its node."""
    if old.spec is not new.spec or old.metadata.labels is not new.metadata.labels:
        return True
    if old.metadata.deletion_timestamp != new.metadata.deletion_timestamp:
        return True
    # Resources are only reported where a resize may be under way.
    return old.status.container_statuses is not new.status.container_statuses and any(
        status.extra.get("allocatedResources") or status.extra.get("resources")
        or getattr(status, "resources", None) or getattr(status, "allocated_resources", None)
        for status in new.status.container_statuses
    )  # fmt: skip
