"""Who a pod of a StatefulSet is: its number, its name, its labels and its claims. Pure.

Source: pkg/controller/statefulset/stateful_set_utils.go, kubernetes v1.34.
"""

import re

import attrs

from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.persistent import PersistentVolumeClaim
from engine.api.pod import Pod, PodSpec, PodTemplateSpec
from engine.api.stateful import StatefulSet
from engine.api.volume import PersistentVolumeClaimVolumeSource, Volume
from engine.controllers.ownership import controller_reference
from engine.controllers.revision_history import REVISION_LABEL

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"

_NAME = re.compile(r"(.*)-([0-9]+)")


def start_of(found: StatefulSet) -> int:
    """The number of the first pod."""
    return found.spec.ordinals.start if found.spec.ordinals is not None else 0


def replicas_of(found: StatefulSet) -> int:
    """How many pods are wanted."""
    return 1 if found.spec.replicas is None else found.spec.replicas


def ordinals_of(found: StatefulSet) -> range:
    """The numbers of the wanted pods."""
    return range(start_of(found), start_of(found) + replicas_of(found))


def ordinal_of(pod: Pod) -> int | None:
    """The number in the name of *pod*, or None."""
    match = _NAME.fullmatch(pod.metadata.name)
    return int(match[2]) if match else None


def parent_of(pod: Pod) -> str:
    """The name of the set that *pod*'s name says it is of, or nothing."""
    match = _NAME.fullmatch(pod.metadata.name)
    return match[1] if match else ""


def pod_name(found: StatefulSet, ordinal: int) -> str:
    """``web-0``."""
    return f"{found.metadata.name}-{ordinal}"


def revision_of(pod: Pod) -> str:
    """The name of the revision *pod* was made of."""
    return pod.metadata.labels.get(REVISION_LABEL, "")


def make_pod(found: StatefulSet, template: PodTemplateSpec, revision: str, ordinal: int) -> Pod:
    """The pod with that number, of the *template* that *revision* names."""
    given = template.metadata
    pod = Pod(
        metadata=ObjectMeta(
            name=pod_name(found, ordinal),
            namespace=found.metadata.namespace,
            labels=given.labels.with_items({REVISION_LABEL: revision}),
            annotations=given.annotations,
            finalizers=given.finalizers,
            owner_references=(controller_reference(found),),
        ),
        spec=attrs.evolve(
            template.spec,
            hostname=pod_name(found, ordinal),
            subdomain=found.spec.service_name,
        ),
    )
    return with_identity(found, pod)


def with_identity(found: StatefulSet, pod: Pod) -> Pod:
    """*pod* with the labels and volumes that its number gives it."""
    ordinal = ordinal_of(pod)
    if ordinal is None:
        return pod
    labels = pod.metadata.labels.with_items({POD_NAME: pod.metadata.name, POD_INDEX: str(ordinal)})
    spec = _with_claims(found, pod.spec, ordinal)
    if labels == pod.metadata.labels and spec == pod.spec:
        return pod
    return attrs.evolve(pod, metadata=attrs.evolve(pod.metadata, labels=labels), spec=spec)


def claims_of(found: StatefulSet, ordinal: int) -> tuple[PersistentVolumeClaim, ...]:
    """The claims of the pod with that number."""
    selector = found.spec.selector
    labels = selector.match_labels if selector is not None else FrozenDict()
    return tuple(
        attrs.evolve(
            template,
            metadata=attrs.evolve(
                template.metadata,
                name=claim_name(found, template, ordinal),
                namespace=found.metadata.namespace,
                labels=template.metadata.labels.with_items(labels),
            ),
        )
        for template in found.spec.volume_claim_templates
    )


def claim_name(found: StatefulSet, template: PersistentVolumeClaim, ordinal: int) -> str:
    """``data-web-0``."""
    return f"{template.metadata.name}-{found.metadata.name}-{ordinal}"


def _with_claims(found: StatefulSet, spec: PodSpec, ordinal: int) -> PodSpec:
    templates = found.spec.volume_claim_templates
    if not templates:
        return spec
    wanted = tuple(
        Volume(
            name=template.metadata.name,
            persistent_volume_claim=PersistentVolumeClaimVolumeSource(
                claim_name=claim_name(found, template, ordinal)
            ),
        )
        for template in templates
    )
    names = {volume.name for volume in wanted}
    volumes = (*wanted, *(volume for volume in spec.volumes if volume.name not in names))
    if sorted(volumes, key=_by_name) == sorted(spec.volumes, key=_by_name):
        return spec
    return attrs.evolve(spec, volumes=volumes)


def _by_name(volume: Volume) -> str:
    return volume.name
