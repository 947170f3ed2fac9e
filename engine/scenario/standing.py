"""What people have made in a cluster so far, as it would be made again."""

from collections.abc import Iterator
from typing import Any

from engine.api.codec import encode
from engine.api.frozen import thaw
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME
from engine.client.client import Client

_KINDS = (
    "Namespace", "ResourceQuota", "LimitRange", "ServiceAccount", "Role", "RoleBinding",
    "ConfigMap", "Secret", "PersistentVolumeClaim", "Service", "NetworkPolicy", "Deployment",
    "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod",
    "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress",
)  # fmt: skip
"""In the order in which they are made; what a cluster has by itself is left out by name."""
_BY_ITSELF = ("default", "kubernetes", "kube-root-ca.crt")
_LEFT_OUT = (
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
    "finalizers", "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip
_WRITTEN_BY_CONTROLLERS = ("deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.", "kubectl.")
_JOB_LABELS = ("controller-uid", "job-name")
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105 - the name of a volume


def standing(client: Client) -> list[dict[str, Any]]:
    """The objects that nobody owns, outside of the cluster's own namespaces, ready to be applied.

    What controllers and the API server filled in (addresses, bindings, counts) is left out.
    """
    return [_bare(obj) for obj in _objects(client)]


def _objects(client: Client) -> Iterator[ApiObject]:
    for kind in _KINDS:
        resource = next(found for found in SCHEME if found.kind == kind)
        for obj in client.list(resource.cls).items:
            meta = obj.metadata
            where = meta.name if kind == "Namespace" else meta.namespace
            is_own = meta.name in _BY_ITSELF or where.startswith("kube-")
            if not (is_own or meta.owner_references or meta.deletion_timestamp is not None):
                yield obj


def _bare(obj: ApiObject) -> dict[str, Any]:
    data: dict[str, Any] = thaw(encode(obj))
    data.pop("status", None)
    meta = {key: value for key, value in data["metadata"].items() if key not in _LEFT_OUT}
    notes = meta.pop("annotations", {})
    kept = {key: notes[key] for key in notes if not key.startswith(_WRITTEN_BY_CONTROLLERS)}
    data["metadata"] = meta | ({"annotations": kept} if kept else {})
    spec = data.get("spec")
    if not isinstance(spec, dict):
        return data
    match obj.KIND:
        case "Namespace":
            del data["spec"]
        case "Service" if spec.get("clusterIP") != "None":
            for key in ("clusterIP", "clusterIPs"):
                spec.pop(key, None)
        case "PersistentVolumeClaim":
            spec.pop("volumeName", None)
        case "Pod":
            _free(spec)
        case "Job" if not spec.get("manualSelector"):
            spec.pop("selector", None)
            labels = spec.get("template", {}).get("metadata", {}).get("labels", {})
            for key in list(labels):
                if key.rpartition("/")[2] in _JOB_LABELS:
                    del labels[key]
    return data


def _free(spec: dict[str, Any]) -> None:
    """Take away where a pod was placed, and the token it was given."""
    spec.pop("nodeName", None)
    spec["volumes"] = [
        volume for volume in spec.get("volumes", ()) if not volume["name"].startswith(_TOKEN_VOLUME)
    ]
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        container["volumeMounts"] = [
            mount
            for mount in container.get("volumeMounts", ())
            if not mount["name"].startswith(_TOKEN_VOLUME)
        ]
