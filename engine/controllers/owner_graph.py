"""Who owns whom, over all kinds: a graph kept from watches. It knows nothing of requests.

Source: garbagecollector/graph.go, kubernetes v1.34.
"""

from collections.abc import Iterator

import attrs

from engine.api.meta import ApiObject, OwnerReference

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@attrs.frozen
class Identity:
    """An object as others refer to it."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.lower()}/{place}"


@attrs.define(eq=False)
class GraphNode:
    """One object. A *virtual* one is known only from a reference to it."""

    identity: Identity
    owners: tuple[OwnerReference, ...] = ()
    dependents: dict[str, "GraphNode"] = attrs.field(factory=dict)
    is_virtual: bool = False
    is_going: bool = False
    waits_for_dependents: bool = False
    orphans_dependents: bool = False

    def blocking_dependents(self) -> Iterator["GraphNode"]:
        """Dependents whose reference asks to hold this object back."""
        for dependent in self.dependents.values():
            if any(
                owner.uid == self.identity.uid and owner.block_owner_deletion
                for owner in dependent.owners
            ):
                yield dependent


@attrs.define(eq=False)
class OwnerGraph:
    """All objects by uid, with their dependents."""

    nodes: dict[str, GraphNode] = attrs.field(factory=dict, init=False)

    def put(self, obj: ApiObject) -> tuple[GraphNode, tuple[str, ...]]:
        """Take over the present state of *obj*.

        Returns its node and the uids of owners it no longer has.
        """
        meta = obj.metadata
        node = self.nodes.get(meta.uid)
        if node is None:
            node = self.nodes[meta.uid] = GraphNode(identity_of(obj))
        elif node.is_virtual:
            # What others said of it may be wrong in parts; what it is counts.
            node.identity = identity_of(obj)
            node.is_virtual = False
        before = node.owners
        if before is not meta.owner_references:
            node.owners = meta.owner_references
            self._link(node, before)
        node.is_going = meta.deletion_timestamp is not None
        node.waits_for_dependents = node.is_going and FOREGROUND in meta.finalizers
        node.orphans_dependents = node.is_going and ORPHAN in meta.finalizers
        kept = {owner.uid for owner in node.owners}
        return node, tuple(owner.uid for owner in before if owner.uid not in kept)

    def remove(self, uid: str) -> GraphNode | None:
        """Forget an object that is gone; its node still lists its dependents."""
        node = self.nodes.pop(uid, None)
        if node is None:
            return None
        for owner in node.owners:
            self._unlink(owner.uid, uid)
        return node

    def _link(self, node: GraphNode, before: tuple[OwnerReference, ...]) -> None:
        uid = node.identity.uid
        wanted = {owner.uid for owner in node.owners}
        for owner in before:
            if owner.uid not in wanted:
                self._unlink(owner.uid, uid)
        for owner in node.owners:
            found = self.nodes.get(owner.uid)
            if found is None:
                identity = referred(owner, node.identity.namespace)
                found = self.nodes[owner.uid] = GraphNode(identity, is_virtual=True)
            found.dependents[uid] = node

    def _unlink(self, owner_uid: str, uid: str) -> None:
        owner = self.nodes.get(owner_uid)
        if owner is not None:
            owner.dependents.pop(uid, None)
            if owner.is_virtual and not owner.dependents:
                del self.nodes[owner_uid]


def referred(owner: OwnerReference, namespace: str) -> Identity:
    """What a reference in *namespace* means: an owner in the same namespace, or in none."""
    return Identity(owner.api_version, owner.kind, namespace, owner.name, owner.uid)


def is_meant(owner: OwnerReference, namespace: str, found: Identity) -> bool:
    """Whether a reference in *namespace* agrees with what its uid stands for.

    The version may differ; an owner without a namespace may own anything.
    """
    group, other = (
        version.rpartition("/")[0] for version in (owner.api_version, found.api_version)
    )
    return (group, owner.kind, owner.name) == (
        other,
        found.kind,
        found.name,
    ) and found.namespace in ("", namespace)


def identity_of(obj: ApiObject) -> Identity:
    """The identity of *obj*."""
    meta = obj.metadata
    return Identity(obj.API_VERSION, obj.KIND, meta.namespace, meta.name, meta.uid)
