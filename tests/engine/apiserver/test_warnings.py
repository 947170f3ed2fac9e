"""What authors are warned of, case by case, in the words of Kubernetes 1.34."""

import copy
from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer

CONTAINER: dict[str, Any] = {"name": "c", "image": "nginx"}
ARCH = 'deprecated since v1.14; use "kubernetes.io/arch" instead'
ZONE = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
OLD_ARCH, OLD_ZONE = "beta.kubernetes.io/arch", "failure-domain.beta.kubernetes.io/zone"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
NOTHING = "labelSelector: a null labelSelector results in matching no pod"
DOTS = "can result in surprising behavior; a DNS label is recommended: [must not contain dots]"
OLD_TERM = {"matchExpressions": [{"key": OLD_ARCH, "operator": "Exists"}]}
SIZE = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}


def pod(*, name: str = "x", annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    """A pod that says *spec* too."""
    metadata = {"name": name, "namespace": "default", "annotations": annotations or {}}
    spec = {"containers": [CONTAINER], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def container(**fields: Any) -> Any:
    """A pod with a container that says *fields* too."""
    return pod(containers=[{**CONTAINER, **fields}])


def deployment(*, name: str = "x", **spec: Any) -> Any:
    """A deployment of such pods."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod(**spec)["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template},
    }


def service(**spec: Any) -> Any:
    """A service without an address."""
    spec = {"clusterIP": "None", "ports": [{"port": 80}], **spec}
    metadata = {"name": "x", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def volume(annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    """A volume of one gigabyte."""
    spec = {**SIZE, "hostPath": {"path": "/x"}, **spec}
    spec = {key: value for key, value in spec.items() if value is not None}
    metadata = {"name": "x", "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}


def claim(size: str = "1Gi", annotations: dict[str, str] | None = None) -> Any:
    """A claim of *size*."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "x", "namespace": "default", "annotations": annotations or {}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
        },
    }


CASES: dict[str, tuple[Any, list[str]]] = {
    "nothing": (pod(), []),
    "pod name": (
        pod(name="a.b"), [f"metadata.name: this is used in the Pod's hostname, which {DOTS}"],
    ),
    "deployment name": (
        deployment(name="a.b"),
        [f"metadata.name: this is used in Pod names and hostnames, which {DOTS}"],
    ),
    "node selector": (
        pod(nodeSelector={OLD_ARCH: "amd64"}), [f"spec.nodeSelector[{OLD_ARCH}]: {ARCH}"],
    ),
    "node affinity": (
        pod(affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [OLD_TERM]}}}),
        [
            (f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].key: "
            f"{OLD_ARCH} is {ARCH}")
        ],
    ),
    "node preference": (
        pod(affinity={"nodeAffinity": {PREFERRED: [{"weight": 1, "preference": OLD_TERM}]}}),
        [
            (f"spec.affinity.nodeAffinity.{PREFERRED}[0].preference.matchExpressions[0].key: "
            f"{OLD_ARCH} is {ARCH}")
        ],
    ),
    "pod affinity": (
        pod(affinity={"podAntiAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname"}]}}),
        [f"spec.affinity.podAntiAffinity.{REQUIRED}[0].{NOTHING}"],
    ),
    "spread": (
        pod(
            topologySpreadConstraints=[
                {"maxSkew": 1, "topologyKey": OLD_ZONE, "whenUnsatisfiable": "DoNotSchedule"}
            ]
        ),
        [
            f"spec.topologySpreadConstraints[0].topologyKey: {OLD_ZONE} is {ZONE}",
            f"spec.topologySpreadConstraints[0].{NOTHING}",
        ],
    ),
    "critical": (
        pod(annotations={"scheduler.alpha.kubernetes.io/critical-pod": ""}),
        [
            ("metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in "
            'v1.16+; use the "priorityClassName" field instead')
        ],
    ),
    "seccomp": (
        pod(annotations={"container.seccomp.security.alpha.kubernetes.io/c": "unconfined"}),
        [
            ("metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: "
            'non-functional in v1.27+; use the "seccompProfile" field instead')
        ],
    ),
    "host aliases": (
        pod(hostAliases=[{"ip": "1.2.3.4", "hostnames": [name]} for name in ("a", "b")]),
        ['spec.hostAliases[1].ip: duplicate ip "1.2.3.4"'],
    ),
    "pull secrets": (
        pod(imagePullSecrets=[{"name": "s"}, {"name": "s"}]),
        ['spec.imagePullSecrets[1].name: duplicate name "s"'],
    ),
    "env": (
        container(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        [
            ('spec.containers[0].env[1]: hides previous definition of "A", which may be dropped '
            "when using apply")
        ],
    ),
    "ports": (
        container(ports=[{"containerPort": 80, "name": "a"}, {"containerPort": 80, "name": "b"}]),
        ["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
    ),
    "port names": (
        pod(
            containers=[
                {**CONTAINER, "name": "a", "ports": [{"containerPort": 80, "name": "http"}]},
                {**CONTAINER, "name": "b", "ports": [{"containerPort": 81, "name": "http"}]},
            ]
        ),
        [
            ('spec.containers[1].ports[0].name: duplicate port name "http" with '
            "spec.containers[0].ports[0].name, services and probes that select ports by name will "
            "use spec.containers[0].ports[0].name")
        ],
    ),
    "fractions": (
        container(resources={"requests": {"memory": "1500m"}}),
        [
            ('spec.containers[0].resources.requests[memory]: fractional byte value "1500m" is '
            "invalid, must be an integer")
        ],
    ),
    "template": (
        deployment(nodeSelector={OLD_ARCH: "amd64"}),
        [f"spec.template.spec.nodeSelector[{OLD_ARCH}]: {ARCH}"],
    ),
    "headless external": (
        service(externalIPs=["192.0.2.1"]),
        ['spec.externalIPs is ignored when spec.clusterIP is "None"'],
    ),
    "headless affinity": (
        service(sessionAffinity="ClientIP"),
        ['spec.SessionAffinity is ignored when spec.clusterIP is "None"'],
    ),
    "recycle": (
        volume(persistentVolumeReclaimPolicy="Recycle"),
        [
            ("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead"
            ", the recommended approach is to use dynamic provisioning.")
        ],
    ),
    "volume options": (
        volume({"volume.beta.kubernetes.io/mount-options": "ro"}),
        [
            ("metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since "
            'v1.31; use "mountOptions" attribute instead')
        ],
    ),
    "volume source": (
        volume(hostPath=None, glusterfs={"endpoints": "e", "path": "p"}),
        ["spec.glusterfs: deprecated in v1.25, non-functional in v1.26+"],
    ),
    "claim class": (
        claim(annotations={"volume.beta.kubernetes.io/storage-class": "x"}),
        [
            ("metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8;"
            ' use "storageClassName" attribute instead')
        ],
    ),
    "claim fraction": (
        claim("1500m"),
        [
            ('spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be '
            "an integer")
        ],
    ),
    "node": (
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "x"},
            "spec": {"externalID": "i"},
        },
        ["spec.externalID: this field is deprecated, and is unused by Kubernetes"],
    ),
    "ingress": (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": "x",
                "namespace": "default",
                "annotations": {"kubernetes.io/ingress.class": "nginx"},
            },
            "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}},
        },
        [
            ('annotation "kubernetes.io/ingress.class" is deprecated, please use '
            "'spec.ingressClassName' instead")
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wire", "expected"), CASES.values(), ids=CASES)
def test_authors_are_warned(
    server: ApiServer, request_info: RequestInfo, wire: dict[str, Any], expected: list[str]
) -> None:
    """The object is stored all the same."""
    said: list[str] = []

    server.create(decode(copy.deepcopy(wire)), request=attrs.evolve(request_info, warn=said.append))

    assert said == expected
