"""What authors of pods should know though it is allowed: old ways, and what cannot be meant.

Source: pkg/api/pod/warnings.go, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.api import quantity
from engine.api.container import Container
from engine.api.meta import ObjectMeta
from engine.api.pod import PodSpec
from engine.apiserver.validation import label_faults, subdomain_faults

DEPRECATED = {
    "componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
    "endpoints": "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}
"""Resources in a version that is on its way out, and what clients are told."""

DEPRECATED_LABELS = {
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
_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_SYSCTLS = 'non-functional in v1.11+; use the "sysctls" field instead'
# By key, or by what a key begins with.
_ANNOTATIONS = {
    "container.apparmor.security.beta.kubernetes.io/": (
        'deprecated since v1.30; use the "appArmorProfile" field instead'
    ),
    "container.seccomp.security.alpha.kubernetes.io/": _SECCOMP,
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "seccomp.security.alpha.kubernetes.io/pod": _SECCOMP,
    "security.alpha.kubernetes.io/sysctls": _SYSCTLS,
    "security.alpha.kubernetes.io/unsafe-sysctls": _SYSCTLS,
}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_MATCHES_NOTHING = "labelSelector: a null labelSelector results in matching no pod"
OLD_SOURCES = {
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
}
"""What pods' volumes and persistent ones were made from, and since when they are not."""
_VOLUMES = {**OLD_SOURCES, "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+"}


def pod_warnings(meta: ObjectMeta, spec: PodSpec, path: str) -> list[str]:
    """What the author of *spec*, at *path*, should know."""
    found: list[str] = []
    if path == "spec" and meta.name and (faults := label_faults(meta.name)):
        found.append(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising "
            f"behavior; a DNS label is recommended: [{_said(meta.name, faults)}]"
        )
    found += [
        f"{path}.nodeSelector[{key}]: {DEPRECATED_LABELS[key]}"
        for key in spec.node_selector
        if key in DEPRECATED_LABELS
    ]
    if spec.affinity:
        found += _affinity(spec.affinity, f"{path}.affinity")
    for index, constraint in enumerate(spec.topology_spread_constraints):
        place = f"{path}.topologySpreadConstraints[{index}]"
        key = constraint.get("topologyKey", "")
        if key in DEPRECATED_LABELS:
            found.append(f"{place}.topologyKey: {key} is {DEPRECATED_LABELS[key]}")
        if constraint.get("labelSelector") is None:
            found.append(f"{place}.{_MATCHES_NOTHING}")
    if meta.annotations:
        found += _annotations(meta, f"{path.removesuffix('spec')}metadata.annotations")
    found += _aliases(spec, path)
    found += _volumes(spec, path)
    found += _secrets(spec, path)
    grace = spec.termination_grace_period_seconds
    if grace is not None and grace < 0:
        found.append(
            f"{path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and "
            "will be treated as 1"
        )
    ports: dict[tuple[int, str, int, str], str] = {}
    names: dict[str, str] = {}
    for field, containers in (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
    ):
        for index, container in enumerate(containers):
            found += _container(container, f"{path}.{field}[{index}]", ports, names)
    return found


def name_warnings(name: str) -> list[str]:
    """What the author of something that names pods after itself should know of its *name*."""
    faults = label_faults(name) if name else ()
    if not faults:
        return []
    said = (
        "metadata.name: this is used in Pod names and hostnames, which can result in surprising "
        f"behavior; a DNS label is recommended: [{_said(name, faults)}]"
    )
    return [said]


def term_warnings(terms: Any, path: str) -> Iterator[str]:
    """Of old labels in node selector terms, at *path*."""
    for index, term in enumerate(terms or ()):
        for number, expression in enumerate(term.get("matchExpressions") or ()):
            key = expression.get("key", "")
            if key in DEPRECATED_LABELS:
                place = f"{path}[{index}].matchExpressions[{number}].key"
                yield f"{place}: {key} is {DEPRECATED_LABELS[key]}"


def _said(name: str, faults: tuple[str, ...]) -> str:
    """*faults* in the words of Kubernetes, which has short ones for a name that is a subdomain."""
    return " ".join(faults) if subdomain_faults(name) else "must not contain dots"


def _affinity(affinity: Mapping[str, Any], path: str) -> Iterator[str]:
    nodes = affinity.get("nodeAffinity") or {}
    required = nodes.get(_REQUIRED) or {}
    place = f"{path}.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    yield from term_warnings(required.get("nodeSelectorTerms"), place)
    for index, wish in enumerate(nodes.get(_PREFERRED) or ()):
        place = f"{path}.nodeAffinity.{_PREFERRED}[{index}].preference"
        for text in term_warnings([wish.get("preference") or {}], place):
            yield text.replace(f"{place}[0].", f"{place}.")
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        for index, term in enumerate(rules.get(_REQUIRED) or ()):
            yield from _pod_term(term, f"{path}.{kind}.{_REQUIRED}[{index}]")
        for index, wish in enumerate(rules.get(_PREFERRED) or ()):
            place = f"{path}.{kind}.{_PREFERRED}[{index}].podAffinityTerm"
            yield from _pod_term(wish.get("podAffinityTerm") or {}, place)


def _pod_term(term: Mapping[str, Any], path: str) -> Iterator[str]:
    key = term.get("topologyKey", "")
    if key in DEPRECATED_LABELS:
        yield f"{path}.topologyKey: {key} is {DEPRECATED_LABELS[key]}"
    if term.get("labelSelector") is None:
        yield f"{path}.{_MATCHES_NOTHING}"


def _annotations(meta: ObjectMeta, path: str) -> Iterator[str]:
    for key in meta.annotations:
        head, slash, _ = key.partition("/")
        said = _ANNOTATIONS.get(key) or _ANNOTATIONS.get(head + slash)
        if said is not None:
            yield f"{path}[{key}]: {said}"


def _aliases(spec: PodSpec, path: str) -> Iterator[str]:
    seen: dict[str, None] = {}
    for index, alias in enumerate(spec.host_aliases):
        if alias.ip in seen:
            yield f'{path}.hostAliases[{index}].ip: duplicate ip "{alias.ip}"'
        seen[alias.ip] = None


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
    container: Container,
    path: str,
    ports: dict[tuple[int, str, int, str], str],
    port_names: dict[str, str],
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
        if port.name in port_names:
            other = port_names[port.name]
            found.append(
                f'{place}.name: duplicate port name "{port.name}" with {other}, services and '
                f"probes that select ports by name will use {other}"
            )
        elif port.name:
            port_names[port.name] = f"{place}.name"
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
