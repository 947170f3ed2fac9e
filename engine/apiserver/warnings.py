"""What authors of pods should know though it is allowed: old ways, and what cannot be meant.

Source: pkg/api/pod/warnings.go, kubernetes v1.34.
"""

from engine.api import quantity
from engine.api.container import Container
from engine.api.meta import ObjectMeta
from engine.api.pod import PodSpec

DEPRECATED = {
    "componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
    "endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}
"""Resources in a version that is on its way out, and what clients are told."""

_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": (
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead'
    ),
    "failure-domain.beta.kubernetes.io/zone": (
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ),
    "beta.kubernetes.io/instance-type": (
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'
    ),
}
_VOLUMES = {
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
}


def pod_warnings(meta: ObjectMeta, spec: PodSpec, path: str) -> list[str]:
    """What the author of *spec*, at *path*, should know."""
    found: list[str] = []
    if "." in meta.name and path == "spec":
        found.append(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising "
            "behavior; a DNS label is recommended: [must not contain dots]"
        )
    found += [
        f"{path}.nodeSelector[{key}]: {_LABELS[key]}"
        for key in spec.node_selector
        if key in _LABELS
    ]
    for index, constraint in enumerate(spec.topology_spread_constraints):
        key = constraint.get("topologyKey", "")
        if key in _LABELS:
            found.append(
                f"{path}.topologySpreadConstraints[{index}].topologyKey: {key} is {_LABELS[key]}"
            )
    found += _volumes(spec, path)
    found += _secrets(spec, path)
    grace = spec.termination_grace_period_seconds
    if grace is not None and grace < 0:
        found.append(
            f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and "
            "will be treated as 1"
        )
    ports: dict[tuple[int, str, int, str], str] = {}
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
    ):
        for index, container in enumerate(containers):
            found += _container(container, f"{path}.{field}[{index}]", ports)
    return found


def _volumes(spec: PodSpec, path: str) -> list[str]:
    return [
        f"{path}.volumes[{index}].{kind}: {_VOLUMES[kind]}"
        for index, volume in enumerate(spec.volumes)
        for kind in volume.extra
        if kind in _VOLUMES
    ]


def _secrets(spec: PodSpec, path: str) -> list[str]:
    found: list[str] = []
    seen: dict[str, None] = {}
    for index, secret in enumerate(spec.image_pull_secrets):
        place = f"{path}.imagePullSecrets[{index}].name"
        if not secret.name:
            found.append(f'{place}: invalid empty name ""')
        elif secret.name in seen:
            found.append(f'{place}: duplicate name "{secret.name}"')
        seen[secret.name] = None
    return found


def _container(
    container: Container, path: str, ports: dict[tuple[int, str, int, str], str]
) -> list[str]:
    found: list[str] = []
    names: dict[str, None] = {}
    for index, variable in enumerate(container.env):
        if variable.name in names:
            found.append(
                f'{path}.env[{index}]: hides previous definition of "{variable.name}", which may '
                "be dropped when using apply"
            )
        names[variable.name] = None
    for index, port in enumerate(container.ports):
        place = f"{path}.ports[{index}]"
        key = (port.container_port, port.protocol, port.host_port, port.host_ip)
        if key in ports:
            found.append(f"{place}: duplicate port definition with {ports[key]}")
        ports.setdefault(key, place)
    for field, amounts in (
        ("limits", container.resources.limits),
        ("requests", container.resources.requests),
    ):
        for name in ("ephemeral-storage", "memory"):
            text = amounts.get(name)
            if text is not None and quantity.parse(text) % 1:
                found.append(
                    f'{path}.resources.{field}[{name}]: fractional byte value "{text}" is '
                    "invalid, must be an integer"
                )
    return found
