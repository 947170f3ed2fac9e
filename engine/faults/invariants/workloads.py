"""Invariants of workloads and services: rollouts, endpoints, owners, addresses."""

from typing import Any

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.api.core import Service
from engine.api.discovery import EndpointSlice
from engine.api.meta import ApiObject, is_true
from engine.api.pod import Pod
from engine.controllers.amount import scaled
from engine.faults.invariants.pods import STALE_SECONDS, before_and_after
from engine.faults.invariants.violation import Report
from engine.store.kv import Change
from engine.telemetry.trace import Origin


@attrs.define(eq=False)
class RolloutBounds:
    """A rollout keeps to maxSurge and maxUnavailable."""

    name: str = "rollout-bounds"
    promise: str = "a Deployment's rollout stays within maxSurge and maxUnavailable"
    kinds: tuple[type, ...] = (Deployment, ReplicaSet)
    _deployments: dict[str, Deployment] = attrs.field(factory=dict)
    _replicas: dict[str, list[tuple[int, int]]] = attrs.field(factory=dict)
    _sets: dict[str, dict[str, int]] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Sum what the ReplicaSets ask for whenever the controller changes one of them."""
        found = before_and_after(change, Deployment)
        if found is not None:
            self._deployment(*found)
            return
        found = before_and_after(change, ReplicaSet)
        if found is None:
            return
        old, new = found
        owner = next(
            (one for one in (new or old).metadata.owner_references if one.kind == "Deployment"),
            None,
        )
        if owner is None:
            return
        sets = self._sets.setdefault(owner.uid, {})
        if new is None:
            sets.pop(old.metadata.uid, None)
            if not sets:
                del self._sets[owner.uid]
            return
        before = sets.get(new.metadata.uid, 0)
        wanted = sets[new.metadata.uid] = new.spec.replicas if new.spec.replicas is not None else 1
        origin = change.origin
        if not isinstance(origin, Origin) or origin.actor != "deployment-controller":
            return
        deployment = self._deployments.get(owner.uid)
        if deployment is not None and wanted != before:
            self._judge(deployment, sum(sets.values()), is_more=wanted > before, broken=broken)

    def _judge(self, deployment: Deployment, total: int, *, is_more: bool, broken: Report) -> None:
        rolling = deployment.spec.strategy.rolling_update
        if deployment.spec.strategy.type != "RollingUpdate" or rolling is None:
            return
        seen = deployment.status.observed_generation or 0
        history = self._replicas[deployment.metadata.uid]
        recent = [count for generation, count in history if generation >= seen]
        most, least = max(recent), min(recent)
        surge = scaled(rolling.max_surge, most, round_up=True)
        if is_more and total > most + surge:
            broken(f"asks for {total} pods, and {most + surge} may be", deployment.key)
        unavailable = scaled(rolling.max_unavailable, least, round_up=False)
        if not unavailable and not scaled(rolling.max_surge, least, round_up=True):
            unavailable = 1
        if not is_more and total < least - unavailable:
            broken(
                f"keeps {total} pods, and at least {least - unavailable} must be", deployment.key
            )

    def _deployment(self, old: Deployment | None, new: Deployment | None) -> None:
        if new is None:
            assert old is not None
            for held in (self._deployments, self._replicas, self._sets):
                held.pop(old.metadata.uid, None)
            return
        self._deployments[new.metadata.uid] = new
        count = new.spec.replicas if new.spec.replicas is not None else 1
        history = self._replicas.setdefault(new.metadata.uid, [])
        generation = new.metadata.generation
        if not history or history[-1] != (generation, count):
            history.append((generation, count))
            del history[:-20]

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


@attrs.define(eq=False)
class EndpointsReady:
    """A service sends nobody to a pod that is not ready."""

    name: str = "endpoints-ready"
    promise: str = "endpoints hold only ready pods of the service's selector"
    kinds: tuple[type, ...] = (Pod, EndpointSlice, Service)
    _pods: dict[str, Pod] = attrs.field(factory=dict)
    _slices: dict[str, EndpointSlice] = attrs.field(factory=dict)
    _services: dict[str, Service] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Remember pods, services and slices; they are compared when all is quiet."""
        del broken
        for cls, held in (
            (Pod, self._pods),
            (EndpointSlice, self._slices),
            (Service, self._services),
        ):
            found = before_and_after(change, cls)
            if found is None:
                continue
            old, new = found
            if new is None:
                held.pop(old.key, None)
            else:
                held[new.key] = new
            return

    def on_quiet(self, now: float, broken: Report) -> None:
        """Compare every endpoint that is ready with its pod."""
        del now
        for key, found in self._slices.items():
            service = found.metadata.labels.get("kubernetes.io/service-name", "")
            owner = self._services.get(f"{found.metadata.namespace}/{service}")
            if owner is None or not owner.spec.selector or found.metadata.deletion_timestamp:
                continue
            if owner.spec.publish_not_ready_addresses:
                continue
            for endpoint in found.endpoints:
                target = endpoint.target_ref
                if not endpoint.conditions.ready or target is None:
                    continue
                pod = self._pods.get(f"{found.metadata.namespace}/{target.name}")
                if pod is None:
                    broken(f"holds {target.name}, which is gone", key)
                elif not is_true(pod.status.conditions, "Ready"):
                    broken(f"holds {target.name}, which is not ready", key, pod.key)
                elif not owner.spec.selector.items() <= pod.metadata.labels.items():
                    broken(f"holds {target.name}, which is not selected", key, pod.key)


@attrs.define(eq=False)
class AddressesUnique:
    """No two services share an address or a node port."""

    name: str = "addresses-unique"
    promise: str = "ClusterIPs and node ports are unique"
    kinds: tuple[type, ...] = (Service,)
    _ips: dict[str, str] = attrs.field(factory=dict)
    _ports: dict[tuple[int, str], str] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Compare with those of all others."""
        found = before_and_after(change, Service)
        if found is None:
            return
        old, new = found
        uid = (new or old).metadata.uid
        self._ips = {ip: owner for ip, owner in self._ips.items() if owner != uid}
        self._ports = {port: owner for port, owner in self._ports.items() if owner != uid}
        if new is None:
            return
        ip = new.spec.cluster_ip
        if ip and ip != "None":
            if ip in self._ips:
                broken(f"has the address {ip} of another service", new.key)
            self._ips[ip] = uid
        for port in new.spec.ports:
            number = port.node_port
            if number:
                if self._ports.get((number, port.protocol), uid) != uid:
                    broken(f"has node port {number} of another service", new.key)
                self._ports[number, port.protocol] = uid

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


@attrs.define(eq=False)
class NoOrphans:
    """What belonged to something that is gone goes too."""

    name: str = "no-orphans"
    promise: str = "deleting an owner leaves no orphan"
    kinds: tuple[type, ...] = (object,)
    _uids: dict[str, None] = attrs.field(factory=dict)
    _owned: dict[str, tuple[ApiObject, tuple[str, ...]]] = attrs.field(factory=dict)
    _suspects: dict[str, float] = attrs.field(factory=dict)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Remember what there is and whom it belongs to."""
        del broken
        obj = change.kv.value if change.type != "delete" else None
        old = change.prev_kv.value if change.prev_kv is not None else None
        if obj is None:
            if old is not None:
                self._uids.pop(old.metadata.uid, None)
                self._owned.pop(old.metadata.uid, None)
            return
        uid = obj.metadata.uid
        self._uids[uid] = None
        owners = tuple(owner.uid for owner in obj.metadata.owner_references)
        if owners:
            self._owned[uid] = (obj, owners)
        else:
            self._owned.pop(uid, None)

    def on_quiet(self, now: float, broken: Report) -> None:
        """An orphan may stay for as long as collecting takes."""
        left: dict[str, float] = {}
        for uid, (obj, owners) in self._owned.items():
            if any(owner in self._uids for owner in owners):
                continue
            left[uid] = self._suspects.get(uid, now)
            if now - left[uid] > 2 * STALE_SECONDS:
                broken("belongs to nothing that is there", f"{obj.KIND} {obj.key}")
                left[uid] = now
        self._suspects = left
