"""Has volumes attached where pods need them, and detached where nobody does any more.

It only writes VolumeAttachments and the status of nodes; the driver's attacher does the rest.

Source: pkg/controller/volume/attachdetach, pkg/volume/csi/csi_attacher.go, kubernetes v1.34.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

from engine.api.frozen import thaw
from engine.api.meta import ObjectMeta
from engine.api.node import Node
from engine.api.persistent import PersistentVolume, PersistentVolumeClaim
from engine.api.pod import Pod
from engine.api.storage import (
    CSIDriver,
    VolumeAttachment,
    VolumeAttachmentSource,
    VolumeAttachmentSpec,
)
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.storage.attachment_plan import (
    FORCE_DETACH_SECONDS,
    AttachmentPlan,
    attachment_name,
    needs_node,
    plan,
    unique_name,
)
from engine.controllers.storage.claims import claim_key
from engine.controllers.storage_protection import claims_of

BY_CLAIM, BY_VOLUME = "claim", "volume"
RETRY_SECONDS = 5.0
OWN_PREFIX = "csi-"
"""What the names of attachments begin with that are made here."""


@attrs.define(eq=False)
class AttachDetachController(QueueController):
    """Keys are ``volume/NAME`` and ``node/NAME``."""

    QUEUE: ClassVar[str] = "attach-detach"

    _pods: Informer[Pod] = attrs.field(init=False)
    _claims: Informer[PersistentVolumeClaim] = attrs.field(init=False)
    _volumes: Informer[PersistentVolume] = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _drivers: Informer[CSIDriver] = attrs.field(init=False)
    _attachments: Informer[VolumeAttachment] = attrs.field(init=False)
    _unwanted_since: dict[str, float] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._pods = self.informers.informer(Pod)
        self._claims = self.informers.informer(PersistentVolumeClaim)
        self._volumes = self.informers.informer(PersistentVolume)
        self._nodes = self.informers.informer(Node)
        self._drivers = self.informers.informer(CSIDriver)
        self._attachments = self.informers.informer(VolumeAttachment)
        self._pods.add_index(BY_CLAIM, claims_of)
        self._attachments.add_index(BY_VOLUME, _volume_names)
        self._pods.add_handler(self._on_pod)
        self._volumes.add_handler(lambda key, _old, _new: self.queue.add(f"volume/{key}"))
        self._nodes.add_handler(self._on_node)
        self._attachments.add_handler(self._on_attachment)

    def reconcile(self, key: str) -> Result | None:
        """Attach and detach one volume, or tell one node what it has."""
        kind, _, name = key.partition("/")
        if kind == "node":
            self._report(name)
            return None
        volume = self._volumes.lister.get(name)
        attachments = tuple(
            one
            for one in self._attachments.lister.by_index(BY_VOLUME, name)
            # What somebody else made by hand is his.
            if one.metadata.name.startswith(OWN_PREFIX)
        )
        if volume is None:
            for one in attachments:
                self._detach(one)
            return None
        if volume.spec.csi is None or not self._is_attached(volume.spec.csi.driver):
            return None
        pods = self._pods.lister.by_index(BY_CLAIM, claim_key(volume))
        todo = plan(
            volume,
            pods,
            attachments,
            {node.metadata.name: node for node in self._nodes.lister},
            unwanted_since=self._unwanted_since,
            now=self.loop.now,
        )
        return self._carry_out(volume, pods, attachments, todo)

    def _carry_out(
        self,
        volume: PersistentVolume,
        pods: tuple[Pod, ...],
        attachments: tuple[VolumeAttachment, ...],
        todo: AttachmentPlan,
    ) -> Result | None:
        for one in (*todo.waiting, *todo.detach):
            self._unwanted_since.setdefault(one.metadata.name, self.loop.now)
        for one in attachments:
            if one not in todo.waiting and one not in todo.detach:
                self._unwanted_since.pop(one.metadata.name, None)
        for one in todo.detach:
            self._detach(one)
        for node in todo.attach:
            self._attach(volume, node)
        for node in todo.blocked:
            self._complain(volume, pods, attachments, node)
        if todo.blocked:
            return Result(requeue_after=RETRY_SECONDS)
        if todo.waiting:
            return Result(requeue_after=min(FORCE_DETACH_SECONDS, 30.0))
        return None

    def _is_attached(self, driver: str) -> bool:
        found = self._drivers.lister.get(driver)
        return found is None or found.spec.attach_required is not False

    def _attach(self, volume: PersistentVolume, node: str) -> None:
        csi = volume.spec.csi
        assert csi is not None
        made = VolumeAttachment(
            metadata=ObjectMeta(name=attachment_name(csi.driver, csi.volume_handle, node)),
            spec=VolumeAttachmentSpec(
                attacher=csi.driver,
                node_name=node,
                source=VolumeAttachmentSource(persistent_volume_name=volume.metadata.name),
            ),
        )
        try:
            self.client.create(made)
        except AlreadyExistsError:
            return

    def _detach(self, attachment: VolumeAttachment) -> None:
        try:
            self.client.delete(VolumeAttachment, attachment.metadata.name)
        except NotFoundError:
            return

    def _complain(
        self,
        volume: PersistentVolume,
        pods: tuple[Pod, ...],
        attachments: tuple[VolumeAttachment, ...],
        node: str,
    ) -> None:
        others = [
            pod.metadata.name for pod in pods if needs_node(pod) and pod.spec.node_name != node
        ]
        if others:
            why = f"Volume is already used by pod(s) {', '.join(others)}"
        else:
            why = (
                "Volume is already exclusively attached to one node and can't be attached to "
                "another"
            )
        message = f'Multi-Attach error for volume "{volume.metadata.name}" {why}'
        if not others and all(one.metadata.deletion_timestamp for one in attachments):
            return  # it is on its way: nothing a user could do
        for pod in pods:
            if needs_node(pod) and pod.spec.node_name == node:
                self.recorder.warning(pod, "FailedAttachVolume", message)

    def _report(self, name: str) -> None:
        """Write into the status of a node what is attached to it."""
        node = self._nodes.lister.get(name)
        if node is None:
            return
        attached = [
            {"name": unique_name(csi.driver, csi.volume_handle), "devicePath": ""}
            for one in self._attachments.lister
            if one.spec.node_name == name and one.status.attached
            if (found := self._volumes.lister.get(_volume_name(one))) is not None
            if (csi := found.spec.csi) is not None
        ]
        attached.sort(key=lambda one: one["name"])
        if attached != thaw(node.status.extra.get("volumesAttached") or ()):
            body = {"status": {"volumesAttached": attached or None}}
            self.client.patch(Node, name, body, subresource="status")

    def _on_pod(self, _key: str, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and needs_node(old) == needs_node(new):
            return
        pod = new or old
        for key in claims_of(pod) if pod is not None else ():
            claim = self._claims.lister.by_key(key)
            if claim is not None and claim.spec.volume_name:
                self.queue.add(f"volume/{claim.spec.volume_name}")

    def _on_node(self, key: str, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None:
            before, after = (node.status.extra.get("volumesInUse") for node in (old, new))
            if before == after and old.spec.taints == new.spec.taints:
                return
        elif new is not None:
            self.queue.add(f"node/{key}")
        for one in self._attachments.lister:
            if one.spec.node_name == key:
                self.queue.add(f"volume/{_volume_name(one)}")

    def _on_attachment(
        self, _key: str, old: VolumeAttachment | None, new: VolumeAttachment | None
    ) -> None:
        one = new or old
        if one is None:
            return
        self.queue.add(f"volume/{_volume_name(one)}")
        self.queue.add(f"node/{one.spec.node_name}")
        if new is None:
            self._unwanted_since.pop(one.metadata.name, None)
            return
        error = new.status.attach_error
        before = old.status.attach_error if old is not None else None
        if new.status.attached and (old is None or not old.status.attached):
            self._tell(new, "")
        elif error is not None and error != before:
            self._tell(new, error.message)

    def _tell(self, attachment: VolumeAttachment, error: str) -> None:
        """Tell the pods that wait for it what became of an attachment."""
        name = _volume_name(attachment)
        for pod in self._users(name):
            if pod.spec.node_name != attachment.spec.node_name or pod.status.phase != "Pending":
                continue
            if error:
                message = f'AttachVolume.Attach failed for volume "{name}" : {error}'
                self.recorder.warning(pod, "FailedAttachVolume", message)
            else:
                message = f'AttachVolume.Attach succeeded for volume "{name}" '
                self.recorder.normal(pod, "SuccessfulAttachVolume", message)

    def _users(self, volume_name: str) -> Iterable[Pod]:
        volume = self._volumes.lister.get(volume_name)
        if volume is None or volume.spec.claim_ref is None:
            return ()
        return self._pods.lister.by_index(BY_CLAIM, claim_key(volume))


def _volume_name(attachment: VolumeAttachment) -> str:
    return attachment.spec.source.persistent_volume_name or ""


def _volume_names(attachment: VolumeAttachment) -> tuple[str, ...]:
    return (_volume_name(attachment),)
