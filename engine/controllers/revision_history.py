"""The ControllerRevisions of a set: what its template was, and in which order.

Source: pkg/controller/history/controller_history.go, kubernetes v1.34.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from engine.api.codec import decode_part, encode_part
from engine.api.frozen import FrozenDict, freeze
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.pod import PodTemplateSpec
from engine.api.stateful import ControllerRevision
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.client.client import Client
from engine.controllers.deployment.revisions import template_hash
from engine.controllers.ownership import controller_reference

REVISION_LABEL = "controller-revision-hash"
"""On a pod: which revision it is of."""

_PATCH = "$patch"


def revision_data(template: PodTemplateSpec) -> FrozenDict[str, Any]:
    """*template* as a patch of the set that brings it back."""
    return FrozenDict(
        {"spec": FrozenDict({"template": freeze({**encode_part(template), _PATCH: "replace"})})}
    )


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The template that *revision* keeps."""
    data = revision.data or {}
    template = data.get("spec", {}).get("template", {})
    wanted: PodTemplateSpec = decode_part(
        PodTemplateSpec, {key: value for key, value in template.items() if key != _PATCH}
    )
    return wanted


def in_order(revisions: Iterable[ControllerRevision]) -> tuple[ControllerRevision, ...]:
    """Oldest first: by number, then creation, then name."""
    return tuple(
        sorted(
            revisions,
            key=lambda r: (r.number, r.metadata.creation_timestamp or 0.0, r.metadata.name),
        )
    )


def new_revision(
    owner: ApiObject,
    template: PodTemplateSpec,
    number: int,
    *,
    hash_label: str,
    collisions: int | None,
) -> ControllerRevision:
    """The revision that keeps *template* of *owner*."""
    digest = template_hash(template, collisions or None)
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{owner.metadata.name}-{digest}",
            namespace=owner.metadata.namespace,
            labels=template.metadata.labels.with_items({hash_label: digest}),
            annotations=owner.metadata.annotations,
            owner_references=(controller_reference(owner),),
        ),
        data=revision_data(template),
        number=number,
    )


def surplus(
    revisions: Sequence[ControllerRevision], live: Iterable[str], limit: int | None
) -> tuple[ControllerRevision, ...]:
    """The oldest revisions that nobody uses, beyond *limit*; *live* are names in use."""
    in_use = frozenset(live)
    unused = [r for r in in_order(revisions) if r.metadata.name not in in_use]
    return tuple(unused[: max(0, len(unused) - (10 if limit is None else limit))])


@attrs.define(eq=False)
class RevisionHistory:
    """Writes the revisions of sets. *hash_label* is the label that carries their hash."""

    client: Client
    hash_label: str

    def record(
        self,
        owner: ApiObject,
        template: PodTemplateSpec,
        revisions: Sequence[ControllerRevision],
        collisions: int | None,
    ) -> tuple[ControllerRevision, int]:
        """The revision of the present *template*, made or given the highest number if need be.

        The second value is the count of hash collisions so far.
        """
        known = in_order(revisions)
        number = known[-1].number + 1 if known else 1
        data = revision_data(template)
        equal = [revision for revision in known if revision.data == data]
        if equal and equal[-1] is known[-1]:
            return known[-1], collisions or 0
        if equal:
            return self.client.update(attrs.evolve(equal[-1], number=number)), collisions or 0
        count = collisions or 0
        while True:
            wished = new_revision(
                owner, template, number, hash_label=self.hash_label, collisions=count
            )
            try:
                return self.client.create(wished), count
            except AlreadyExistsError:
                meta = wished.metadata
                there = self.client.get(ControllerRevision, meta.name, namespace=meta.namespace)
                if there.data == data:
                    return there, count
                count += 1

    def truncate(
        self, revisions: Sequence[ControllerRevision], live: Iterable[str], limit: int | None
    ) -> None:
        """Delete what `surplus` names."""
        for revision in surplus(revisions, live, limit):
            meta = revision.metadata
            try:
                self.client.delete(
                    ControllerRevision, meta.name, namespace=meta.namespace, uid=meta.uid
                )
            except NotFoundError:
                continue
