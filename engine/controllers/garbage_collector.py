"""Deletes what has lost all its owners: in the background, before its owner, or not at all.

Source: garbagecollector.go, kubernetes v1.34.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import ClassVar

import attrs

from engine.api.meta import ApiObject, ObjectMeta, OwnerReference
from engine.api.scheme import Scheme
from engine.apiserver.errors import ConflictError, NotFoundError
from engine.apiserver.request import Propagation
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.owner_graph import (
    FOREGROUND,
    ORPHAN,
    GraphNode,
    Identity,
    OwnerGraph,
    is_meant,
    referred,
)

_ABSENT_KEPT = 500
_IGNORED = frozenset({"Event"})


@attrs.frozen
class Owners:
    """An object's owners by what has become of them."""

    solid: tuple[OwnerReference, ...]
    gone: tuple[OwnerReference, ...]
    waiting: tuple[OwnerReference, ...]


@attrs.define(eq=False)
class GarbageCollector(QueueController):
    """Watches every kind that can be deleted and listed.

    Promises:
        * an object with at least one living owner is never deleted;
        * an owner that is deleted in the foreground goes after the dependents that block it;
        * a circle of owners does not hold itself up;
        * a reference into another namespace owns nothing, and an event says so.
    """

    QUEUE: ClassVar[str] = "garbage-collector"

    scheme: Scheme = attrs.field(init=False)
    graph: OwnerGraph = attrs.field(factory=OwnerGraph, init=False)
    _watched: dict[type[ApiObject], None] = attrs.field(factory=dict, init=False)
    _absent: OrderedDict[Identity, None] = attrs.field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.scheme = self.client.server.scheme
        self._watch_kinds()
        self.scheme.follow(lambda: self.loop.call_soon(self._watch_kinds))

    def _watch_kinds(self) -> None:
        """Watch every kind that is served, each in one version, and no other."""
        wanted = {
            resource.cls: None
            for resource in self.scheme
            if resource.kind not in _IGNORED
            and resource.stored_as is None
            and {"delete", "list", "watch"} <= set(resource.verbs)
        }
        for cls in [cls for cls in self._watched if cls not in wanted]:
            del self._watched[cls]
            self.informers.release(cls)
        for cls in wanted:
            if cls not in self._watched:
                self._watched[cls] = None
                self.informers.informer(cls).add_handler(self._on_object)

    def reconcile(self, uid: str) -> Result | None:
        """Look at one object: should it go, may it go, must its dependents be let go?"""
        node = self.graph.nodes.get(uid)
        if node is None:
            return None
        if node.is_going and not node.waits_for_dependents and not node.orphans_dependents:
            return None
        if not self._is_known(node.identity.api_version, node.identity.kind):
            return None
        obj = self._latest(node.identity)
        if obj is None:
            self._is_gone(node)
            return None
        if node.is_virtual:
            # It exists; its addition is under way.
            return None
        if node.orphans_dependents:
            self._orphan(node, obj)
        elif node.waits_for_dependents:
            self._delete_dependents(node, obj)
        elif obj.metadata.owner_references:
            self._delete_if_unowned(node, obj)
        return None

    # Decisions on one object

    def _delete_if_unowned(self, node: GraphNode, obj: ApiObject) -> None:
        owners = self._sort_owners(node, obj)
        if owners.solid:
            self._drop_owners(obj, (*owners.gone, *owners.waiting))
            return
        policy: Propagation = "Background"
        finalizers = obj.metadata.finalizers
        if owners.waiting and node.dependents:
            if any(dependent.waits_for_dependents for dependent in node.dependents.values()):
                # A circle: somebody in it waits for us while we wait for them.
                self._unblock(node)
            policy = "Foreground"
        elif ORPHAN in finalizers:
            policy = "Orphan"
        elif FOREGROUND in finalizers:
            policy = "Foreground"
        self._delete(obj, policy)

    def _delete_dependents(self, node: GraphNode, obj: ApiObject) -> None:
        blocking = tuple(node.blocking_dependents())
        if not blocking:
            self._drop_finalizer(obj, FOREGROUND)
            return
        for dependent in node.dependents.values():
            if not dependent.waits_for_dependents:
                self.queue.add(dependent.identity.uid)

    def _orphan(self, node: GraphNode, obj: ApiObject) -> None:
        uid = node.identity.uid
        for dependent in tuple(node.dependents.values()):
            latest = self._latest(dependent.identity)
            if latest is not None:
                gone = [o for o in latest.metadata.owner_references if o.uid == uid]
                self._drop_owners(latest, gone)
        self._drop_finalizer(obj, ORPHAN)

    def _sort_owners(self, node: GraphNode, obj: ApiObject) -> Owners:
        solid, gone, waiting = [], [], []
        for owner in obj.metadata.owner_references:
            if not self._can_be_asked_for(owner, node.identity.namespace):
                solid.append(owner)
                continue
            latest = self._owner(owner, node.identity.namespace)
            if latest is None:
                gone.append(owner)
            elif (
                latest.metadata.deletion_timestamp is not None
                and FOREGROUND in latest.metadata.finalizers
            ):
                waiting.append(owner)
            else:
                solid.append(owner)
        return Owners(tuple(solid), tuple(gone), tuple(waiting))

    # Requests

    def _is_known(self, api_version: str, kind: str) -> bool:
        return self.scheme.class_for(api_version, kind) is not None

    def _can_be_asked_for(self, owner: OwnerReference, namespace: str) -> bool:
        """Whether anything can be known of an owner; if not, it counts as there.

        Nothing can of a kind that nobody serves, nor of an owner in some namespace whose
        dependent is in none.
        """
        cls = self.scheme.class_for(owner.api_version, owner.kind)
        return cls is not None and bool(namespace or not self.scheme.resource_of(cls).namespaced)

    def _owner(self, owner: OwnerReference, namespace: str) -> ApiObject | None:
        identity = self._placed(referred(owner, namespace))
        if identity in self._absent:
            return None
        found = self._latest(identity)
        if found is None:
            self._remember_absent(identity)
        return found

    def _placed(self, identity: Identity) -> Identity:
        """*identity* without a namespace if its kind has none."""
        cls = self.scheme.class_for(identity.api_version, identity.kind)
        if cls is None or self.scheme.resource_of(cls).namespaced:
            return identity
        return attrs.evolve(identity, namespace="")

    def _latest(self, identity: Identity) -> ApiObject | None:
        """The object as the server has it, or None if it is gone or another took its name."""
        cls = self.scheme.class_for(identity.api_version, identity.kind)
        if cls is None:
            return None
        namespace = identity.namespace if self.scheme.resource_of(cls).namespaced else ""
        try:
            found = self.client.get(cls, identity.name, namespace=namespace)
        except NotFoundError:
            return None
        return found if found.metadata.uid == identity.uid else None

    def _delete(self, obj: ApiObject, policy: Propagation) -> None:
        meta = obj.metadata
        try:
            self.client.delete(
                type(obj),
                meta.name,
                namespace=meta.namespace,
                uid=meta.uid,
                propagation_policy=policy,
            )
        except (NotFoundError, ConflictError):
            self.queue.add(meta.uid)

    def _drop_owners(self, obj: ApiObject, owners: Iterable[OwnerReference]) -> None:
        dropped = {owner.uid for owner in owners}
        if not dropped:
            return
        kept = tuple(o for o in obj.metadata.owner_references if o.uid not in dropped)
        self._update(obj, attrs.evolve(obj.metadata, owner_references=kept))

    def _drop_finalizer(self, obj: ApiObject, finalizer: str) -> None:
        kept = tuple(name for name in obj.metadata.finalizers if name != finalizer)
        if kept != obj.metadata.finalizers:
            self._update(obj, attrs.evolve(obj.metadata, finalizers=kept))

    def _unblock(self, node: GraphNode) -> None:
        obj = self._latest(node.identity)
        if obj is None:
            return
        owners = tuple(
            attrs.evolve(owner, block_owner_deletion=False)
            for owner in obj.metadata.owner_references
        )
        self._update(obj, attrs.evolve(obj.metadata, owner_references=owners))

    def _update(self, obj: ApiObject, metadata: ObjectMeta) -> None:
        try:
            self.client.update(attrs.evolve(obj, metadata=metadata))
        except NotFoundError:
            return

    # Watching

    def _is_gone(self, node: GraphNode) -> None:
        """Nothing is where *node* is said to be; those who said so have lost an owner."""
        if not node.is_virtual:
            self._forget(node.identity.uid)
            return
        identity, uid = node.identity, node.identity.uid
        self._remember_absent(self._placed(identity))
        unknown = []
        for dependent in node.dependents.values():
            (owner,) = [o for o in dependent.owners if o.uid == uid][:1]
            said = self._placed(referred(owner, dependent.identity.namespace))
            if said in self._absent:
                self.queue.add(dependent.identity.uid)
            else:
                unknown.append(said)
        if unknown:
            # Somebody else says that it is elsewhere: that may be true.
            node.identity = unknown[0]
            self.queue.add(uid)
        else:
            self.graph.remove(uid)

    def _forget(self, uid: str) -> None:
        node = self.graph.remove(uid)
        if node is None:
            return
        self._remember_absent(self._placed(node.identity))
        for dependent in node.dependents:
            self.queue.add(dependent)
        for owner in node.owners:
            found = self.graph.nodes.get(owner.uid)
            if found is not None and found.waits_for_dependents:
                self.queue.add(owner.uid)

    def _remember_absent(self, identity: Identity) -> None:
        self._absent[identity] = None
        while len(self._absent) > _ABSENT_KEPT:
            self._absent.popitem(last=False)

    def _on_object(self, _key: str, old: ApiObject | None, new: ApiObject | None) -> None:
        if new is None:
            if old is not None:
                self._forget(old.metadata.uid)
            return
        meta = new.metadata
        if old is not None:
            before = old.metadata
            if (
                before.owner_references == meta.owner_references
                and before.finalizers == meta.finalizers
                and before.deletion_timestamp == meta.deletion_timestamp
            ):
                return
        said = self.graph.nodes.get(meta.uid)
        was_virtual = said is not None and said.is_virtual
        node, former = self.graph.put(new)
        if was_virtual:
            self._check_references_to(node)
        for uid in (*former, *_no_longer_blocked(old, new)):
            found = self.graph.nodes.get(uid)
            if found is not None and found.waits_for_dependents:
                self.queue.add(uid)
        if node.waits_for_dependents or node.orphans_dependents:
            self.queue.add(meta.uid)
        elif old is None or former or node.owners:
            self._check_owners(node)

    def _check_owners(self, node: GraphNode) -> None:
        """Look at an object whose owner is not known, is gone, or waits for it."""
        namespace = node.identity.namespace
        for owner in node.owners:
            found = self.graph.nodes.get(owner.uid)
            is_absent = self._placed(referred(owner, namespace)) in self._absent
            if is_absent or (found is not None and found.waits_for_dependents):
                self.queue.add(node.identity.uid)
            elif found is not None and found.is_virtual:
                self.queue.add(owner.uid)
            elif found is not None:
                self._check_reference(node, owner, found)

    def _check_references_to(self, node: GraphNode) -> None:
        """Look at what was said of an object before it was seen."""
        for dependent in node.dependents.values():
            for owner in dependent.owners:
                if owner.uid == node.identity.uid:
                    self._check_reference(dependent, owner, node)

    def _check_reference(self, node: GraphNode, owner: OwnerReference, found: GraphNode) -> None:
        """Look at an object that names its owner wrongly; tell its users of a wrong namespace.

        Source: reportInvalidNamespaceOwnerRef, graph_builder.go, kubernetes v1.34.
        """
        there, here = found.identity.namespace, node.identity.namespace
        if is_meant(owner, here, found.identity):
            return
        self.queue.add(node.identity.uid)
        obj = self._latest(node.identity) if there and there != here else None
        if obj is not None:
            said = (
                f"[{owner.api_version}/{owner.kind}, namespace: {here}, name: {owner.name}, "
                f"uid: {owner.uid}]"
            )
            self.recorder.warning(
                obj,
                "OwnerRefInvalidNamespace",
                f'ownerRef {said} does not exist in namespace "{here}"',
            )


def _no_longer_blocked(old: ApiObject | None, new: ApiObject) -> tuple[str, ...]:
    """The uids of owners that the object held back until this change."""
    if old is None or old.metadata.owner_references == new.metadata.owner_references:
        return ()
    before = {owner.uid for owner in old.metadata.owner_references if owner.block_owner_deletion}
    return tuple(
        owner.uid
        for owner in new.metadata.owner_references
        if owner.uid in before and not owner.block_owner_deletion
    )
