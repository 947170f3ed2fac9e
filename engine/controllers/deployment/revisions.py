"""Which ReplicaSet is a Deployment's new one, which are old, and what they are called. Pure.

Source: deployment_util.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs
import orjson

from engine.api.apps import Deployment, ReplicaSet
from engine.api.codec import encode_part
from engine.api.frozen import FrozenDict
from engine.api.pod import PodTemplateSpec

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        MAX_REPLICAS,
    }
)
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


@attrs.frozen
class ReplicaSets:
    """A Deployment's ReplicaSets: the one of its present template, if any, and the others."""

    new: ReplicaSet | None
    old: tuple[ReplicaSet, ...]

    @property
    def all(self) -> tuple[ReplicaSet, ...]:
        """Old ones, then the new one."""
        return self.old if self.new is None else (*self.old, self.new)


def template_hash(template: PodTemplateSpec, collisions: int | None = None) -> str:
    """The value of the pod-template-hash label: equal templates, equal hashes."""
    text = orjson.dumps(encode_part(template), option=orjson.OPT_SORT_KEYS)
    if collisions is not None:
        text += str(collisions).encode()
    value = 0x811C9DC5
    for byte in text:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(value))


def has_template(replica_set: ReplicaSet, template: PodTemplateSpec) -> bool:
    """Whether the ReplicaSet's pods are of *template*, hash label aside."""
    return _without_hash(replica_set.spec.template) == _without_hash(template)


def sort_out(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> ReplicaSets:
    """The new ReplicaSet is the oldest of the Deployment's template; all others are old."""
    by_age = sorted(replica_sets, key=age_order)
    template = deployment.spec.template
    new = next((found for found in by_age if has_template(found, template)), None)
    return ReplicaSets(new, tuple(found for found in by_age if found is not new))


def age_order(replica_set: ReplicaSet) -> tuple[float, str]:
    """Sorts by creation, then name."""
    return (replica_set.metadata.creation_timestamp or 0.0, replica_set.metadata.name)


def revision_of(annotated: Deployment | ReplicaSet) -> int:
    """The revision its annotation names; 0 if there is none, or no number."""
    try:
        return int(annotated.metadata.annotations.get(REVISION, "0"))
    except ValueError:
        return 0


def next_revision(old: Iterable[ReplicaSet]) -> int:
    """The revision a new ReplicaSet gets."""
    return max((revision_of(replica_set) for replica_set in old), default=0) + 1


def count_annotations(desired: int, maximum: int) -> dict[str, str]:
    """What a ReplicaSet remembers of its Deployment's size, for proportional scaling."""
    return {DESIRED_REPLICAS: str(desired), MAX_REPLICAS: str(maximum)}


def count_annotation(replica_set: ReplicaSet, name: str) -> int | None:
    """The number in one of those annotations, or None."""
    try:
        return int(replica_set.metadata.annotations[name])
    except (KeyError, ValueError):
        return None


def new_set_annotations(
    deployment: Deployment, present: Mapping[str, str], revision: int
) -> FrozenDict[str, str]:
    """The new ReplicaSet's annotations: the Deployment's, and a revision that never falls.

    Revisions it had before stay readable in its revision history.
    """
    given = deployment.metadata.annotations.items()
    result = {**present, **{name: value for name, value in given if name not in _NOT_COPIED}}
    before = present.get(REVISION, "")
    if not before.isdigit() or int(before) < revision:
        result[REVISION] = str(revision)
        if before:
            history = present.get(REVISION_HISTORY, "")
            result[REVISION_HISTORY] = f"{history},{before}" if history else before
    return FrozenDict(result)


def to_clean_up(deployment: Deployment, old: Sequence[ReplicaSet]) -> tuple[ReplicaSet, ...]:
    """Old ReplicaSets beyond the history limit, lowest revisions first.

    One that still has pods, or whose controller has not seen its last change, stays.
    """
    limit = deployment.spec.revision_history_limit
    if limit is None:
        return ()
    alive = [found for found in old if found.metadata.deletion_timestamp is None]
    surplus = len(alive) - limit
    if surplus <= 0:
        return ()
    alive.sort(key=lambda found: (revision_of(found), age_order(found)))
    return tuple(
        found
        for found in alive[:surplus]
        if not found.status.replicas
        and found.spec.replicas == 0
        and found.metadata.generation <= found.status.observed_generation
    )


def _without_hash(template: PodTemplateSpec) -> PodTemplateSpec:
    labels = template.metadata.labels
    if HASH_LABEL not in labels:
        return template
    metadata = attrs.evolve(template.metadata, labels=labels.without(HASH_LABEL))
    return attrs.evolve(template, metadata=metadata)
