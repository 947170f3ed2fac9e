"""Invariants of volumes."""

from typing import Any

import attrs

from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod
from engine.faults.invariants.pods import before_and_after
from engine.faults.invariants.violation import Report
from engine.store.kv import Change


@attrs.define(eq=False)
class OneMountNode:
    """A volume for one node is in use on one node."""

    name: str = "rwo-on-one-node"
    promise: str = "no volume with ReadWriteOnce is mounted on two nodes"
    kinds: tuple[type, ...] = (PersistentVolumeClaim, Pod)
    _claims: dict[str, bool] = attrs.field(factory=dict)
    _users: dict[str, dict[str, str]] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Remember on which nodes containers run that use a claim."""
        found = before_and_after(change, PersistentVolumeClaim)
        if found is not None:
            old, new = found
            if new is None:
                self._claims.pop(old.key, None)
            else:
                modes = set(new.spec.access_modes)
                self._claims[new.key] = modes <= {"ReadWriteOnce", "ReadWriteOncePod"}
            return
        found = before_and_after(change, Pod)
        if found is None:
            return
        old, new = found
        pod = new or old
        claims = [
            f"{pod.metadata.namespace}/{volume.persistent_volume_claim.claim_name}"
            for volume in pod.spec.volumes
            if volume.persistent_volume_claim is not None
        ]
        for claim in claims:
            users = self._users.setdefault(claim, {})
            users.pop(pod.metadata.uid, None)
            runs = new is not None and any(
                status.state.running is not None for status in new.status.container_statuses
            )
            if not runs or not self._claims.get(claim, False):
                if not users:
                    del self._users[claim]
                continue
            users[pod.metadata.uid] = pod.spec.node_name
            nodes = sorted(set(users.values()))
            if len(nodes) > 1:
                broken(f"is mounted on {' and '.join(nodes)}", claim, pod.key)

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""
