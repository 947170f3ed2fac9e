"""The invariant of statuses: each field has one part of the cluster that writes it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

import attrs

from engine.faults.invariants.violation import Report
from engine.store.kv import Change
from engine.telemetry.trace import Origin

ANY = "*"
"""As a field: all that are not named. As a writer: whoever asks the API server for it."""
OWN_KUBELET = "kubelet"
"""The kubelet of the node that the object is, or is bound to."""

Writers = Mapping[str, tuple[str, ...]]
"""Who may write each field of a status; conditions have the name ``conditions/TYPE``."""

WRITERS: dict[str, Writers] = {
    "CertificateSigningRequest": {ANY: ("certificate-controller",), "conditions/Approved": (ANY,)},
    "CronJob": {ANY: ("cronjob-controller",)},
    "CustomResourceDefinition": {ANY: ("kube-apiserver",)},
    "DaemonSet": {ANY: ("daemon-set-controller",)},
    "Deployment": {ANY: ("deployment-controller",)},
    "Fault": {ANY: ("fault-injector",)},
    "HorizontalPodAutoscaler": {ANY: ("horizontal-pod-autoscaler",)},
    "Job": {ANY: ("job-controller",)},
    "Load": {ANY: ("load-generator",)},
    # Deleting a namespace is what makes it Terminating.
    "Namespace": {ANY: ("namespace-controller",), "phase": (ANY,)},
    "Node": {
        ANY: (OWN_KUBELET,),
        "conditions/*": (OWN_KUBELET, "node-controller"),
        "volumesAttached": ("attachdetach-controller",),
    },
    "PersistentVolume": {ANY: ("persistent-volume-binder",)},
    "PersistentVolumeClaim": {
        ANY: (
            "persistent-volume-binder",
            "expand-controller",
            "csi-modifier",
            OWN_KUBELET,
        ),
        "phase": ("persistent-volume-binder",),
    },
    "Pod": {
        ANY: (OWN_KUBELET,),
        # The scheduler's binding says it; garbage collection ends pods whose node is gone.
        "conditions/PodScheduled": ("scheduler", OWN_KUBELET),
        "conditions/Ready": (OWN_KUBELET, "node-controller"),
        "conditions/DisruptionTarget": (ANY,),
        "nominated_node_name": ("scheduler",),
        "observed_generation": (OWN_KUBELET, "scheduler"),
        "phase": (OWN_KUBELET, "pod-garbage-collector"),
    },
    # An eviction spends, the controller counts anew.
    "PodDisruptionBudget": {
        ANY: ("disruption-controller",),
        "disrupted_pods": (ANY,),
        "disruptions_allowed": (ANY,),
    },
    "ReplicaSet": {ANY: ("replicaset-controller",)},
    "ReplicationController": {ANY: ("replication-controller",)},
    "Service": {ANY: ("service-controller",)},
    "StatefulSet": {ANY: ("statefulset-controller",)},
    "VolumeAttachment": {ANY: ("csi-attacher",)},
    "VolumeSnapshot": {ANY: ("csi-snapshotter",)},
    "VolumeSnapshotContent": {ANY: ("csi-snapshotter",)},
}
_ACTORS = frozenset(
    actor for writers in WRITERS.values() for actors in writers.values() for actor in actors
) - {ANY}


@attrs.define(eq=False)
class OneWriter:
    """What a status says comes from one side. People, and programs of theirs, are not judged."""

    name: str = "one-writer"
    promise: str = "at most one component writes each field of a status"
    kinds: tuple[type, ...] = (object,)

    def on_change(self, change: Change[Any], broken: Report) -> None:
        """Look at who changed which field."""
        if change.type == "delete" or change.prev_kv is None:
            return
        new, old = change.kv.value, change.prev_kv.value
        writers = WRITERS.get(getattr(type(new), "KIND", ""))
        origin = change.origin
        if writers is None or not isinstance(origin, Origin):
            return
        if origin.actor.partition("/")[0] not in _ACTORS:
            return
        before, after = _status(old), _status(new)
        if before is after or before == after:
            return
        for field in _changed(before, after):
            allowed = _allowed(writers, field)
            if ANY in allowed or origin.actor in allowed:
                continue
            own = f"{OWN_KUBELET}/{_node_of(old) or _node_of(new)}"
            is_kubelet = origin.actor.startswith(f"{OWN_KUBELET}/")
            if OWN_KUBELET in allowed and (
                origin.actor == own or (is_kubelet and type(new).KIND not in ("Pod", "Node"))
            ):
                continue
            named = " or ".join(own if actor == OWN_KUBELET else actor for actor in allowed)
            broken(f"{origin.actor} wrote status.{field}, which is {named}'s", new.key)
            return

    def on_quiet(self, now: float, broken: Report) -> None:
        """Nothing waits for quiet."""


def _allowed(writers: Writers, field: str) -> tuple[str, ...]:
    group, slash, _ = field.partition("/")
    return writers.get(field) or (writers.get(f"{group}/*") if slash else None) or writers[ANY]


def _status(obj: Any) -> Any:
    if hasattr(type(obj), "status"):
        return obj.status
    return obj.extra.get("status")


def _changed(before: Any, after: Any) -> list[str]:
    """The fields that differ, and each of the conditions as one."""
    cls: type[Any] = type(after)
    if type(before) is cls and attrs.has(cls):
        pairs = [(name, get(before), get(after)) for name, get in _getters_of(cls)]
    else:
        old, new = _fields(before), _fields(after)
        pairs = [(name, old.get(name), new.get(name)) for name in {**old, **new}]
    found: list[str] = []
    for name, mine, theirs in pairs:
        # Most fields of a new status are those of the old one: to compare them costs the most here.
        if mine is theirs or mine == theirs:
            continue
        if name == "extra":
            found += _differing(mine or {}, theirs or {})
        elif name == "conditions":
            found += _differing(_by_type(mine), _by_type(theirs))
        else:
            found.append(name)
    return found


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _by_type(conditions: Any) -> dict[str, Any]:
    found = {}
    for condition in conditions or ():
        is_plain = isinstance(condition, Mapping)
        type_ = condition.get("type", "") if is_plain else condition.type
        found[f"conditions/{type_}"] = condition
    return found


def _fields(status: Any) -> Mapping[str, Any]:
    """The fields of a status that may be there, or of another class."""
    if status is None:
        return {}
    cls: type[Any] = type(status)
    if not attrs.has(cls):
        return dict(status)
    found = {name: get(status) for name, get in _getters_of(cls)}
    return found | (found.pop("extra", None) or {})


@lru_cache(maxsize=256)
def _getters_of(cls: type[Any]) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((field.name, attrgetter(field.name)) for field in attrs.fields(cls))


def _node_of(obj: Any) -> str:
    """The node that *obj* is, or is bound to."""
    if type(obj).KIND == "Node":
        return str(obj.metadata.name)
    return str(obj.spec.node_name) if type(obj).KIND == "Pod" else ""
