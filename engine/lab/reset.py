"""Puts a cluster back to how it was: deletes what came, restores what was changed."""

from typing import Any

import attrs

from engine.api.codec import encode
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.scheme import SCHEME
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client

_KEPT = ("Event", "Lease", "Decision", "EndpointSlice", "Endpoints", "ControllerRevision")
"""Made and kept by the cluster itself; they follow what they are about."""
_SYSTEM = "kube-system"
"""Where the cluster's own parts are: they come back by themselves, under other uids."""


@attrs.define(eq=False, repr=False)
class Baseline:
    """What was there when a lab began."""

    client: Client
    _uids: dict[str, bool] = attrs.field(factory=dict, init=False)
    _nodes: dict[str, dict[str, Any]] = attrs.field(factory=dict, init=False)

    def take(self) -> None:
        """Remember what is there now."""
        self._uids = {obj.metadata.uid: True for _, obj in self._objects()}
        self._nodes = {node.metadata.name: encode(node) for node in self.client.list(Node).items}

    def restore(self) -> None:
        """Delete what has come since and put nodes back."""
        for cls, obj in self._added():
            meta = obj.metadata
            try:
                if meta.finalizers and cls.KIND != "Namespace":
                    self.client.patch(
                        cls, meta.name, {"metadata": {"finalizers": None}}, namespace=meta.namespace
                    )
                self.client.delete(cls, meta.name, namespace=meta.namespace, grace_period_seconds=0)
            except NotFoundError:
                continue
            except ApiError:
                # Tried again until it has gone.
                continue
        self._restore_nodes()

    def is_restored(self) -> bool:
        """Whether all that came has gone; what is still there is deleted again."""
        if next(iter(self._added()), None) is None:
            return True
        self.restore()
        return False

    def _restore_nodes(self) -> None:
        for node in self.client.list(Node).items:
            before = self._nodes.get(node.metadata.name)
            if before is None:
                continue
            labels: dict[str, Any] = dict.fromkeys(node.metadata.labels)
            labels |= before["metadata"].get("labels", {})
            spec = before.get("spec", {})
            patch = {
                "metadata": {"labels": labels},
                "spec": {
                    "taints": spec.get("taints"),
                    "unschedulable": spec.get("unschedulable"),
                },
            }
            try:
                self.client.patch(Node, node.metadata.name, patch, type="merge")
            except ApiError:
                continue

    def _added(self) -> "list[tuple[type[ApiObject], ApiObject]]":
        # Owners before what they own, so that nothing is made anew meanwhile.
        found = [(cls, obj) for cls, obj in self._objects() if obj.metadata.uid not in self._uids]
        return sorted(found, key=lambda pair: len(pair[1].metadata.owner_references))

    def _objects(self) -> "list[tuple[type[ApiObject], ApiObject]]":
        found: list[tuple[type[ApiObject], ApiObject]] = []
        for resource in SCHEME:
            verbs = resource.verbs
            if "list" not in verbs or "delete" not in verbs or resource.stored_as is not None:
                continue
            if resource.cls.KIND in _KEPT:
                continue
            try:
                items = self.client.list(resource.cls).items
            except ApiError:
                continue
            found += [
                (resource.cls, obj)
                for obj in items
                if obj.metadata.namespace != _SYSTEM
                and (obj.metadata.deletion_timestamp is None or not obj.metadata.namespace)
            ]
        return found
