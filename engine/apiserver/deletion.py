"""delete: preconditions, graceful deletion, finalizers, propagation."""

from typing import Any

import attrs

from engine.api.evolution import evolve
from engine.api.scheme import Resource
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.admission.registry import Admission
from engine.apiserver.errors import ConflictError
from engine.apiserver.request import DeleteOptions, RequestInfo
from engine.apiserver.storage import ObjectStorage, origin_for
from engine.apiserver.strategies.registry import strategy_for
from engine.apiserver.strategy import Strategy, Surroundings
from engine.apiserver.write import may_go

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@attrs.define(eq=False)
class Deleter:
    """The delete verb."""

    storage: ObjectStorage
    around: Surroundings
    admission: Admission

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        options: DeleteOptions,
        request: RequestInfo,
        dry_run: bool = False,
    ) -> Any | None:
        """Delete an object, or begin to; returns it if it is still there, being deleted.

        Raises:
            NotFoundError: there is none.
            ConflictError: a precondition does not hold.
        """
        old = self.storage.read(resource, namespace, name)
        _check_preconditions(resource, old, options)
        self.admission.admit(
            Attributes(
                operation="DELETE", resource=resource, obj=old, request=request, dry_run=dry_run
            ),
            self.storage,
        )
        strategy = strategy_for(resource)
        new = self._marked(old, strategy, options)
        if may_go(new, strategy):
            self.storage.remove(resource, old, origin=origin_for(request), dry_run=dry_run)
            return None
        if new == old:
            return old
        return self.storage.replace(resource, new, old, origin=origin_for(request), dry_run=dry_run)

    def remove(self, resource: Resource, old: Any, request: RequestInfo) -> None:
        """Take an object away that nothing keeps any more."""
        self.storage.remove(resource, old, origin=origin_for(request), dry_run=False)

    def _marked(self, old: Any, strategy: Strategy, options: DeleteOptions) -> Any:
        """*old* as it is while being deleted."""
        meta = old.metadata
        now = self.around.now
        grace = strategy.grace_period(old, options)
        finalizers = finalizers_after(meta.finalizers, options)
        if meta.deletion_timestamp is None:
            seconds = grace or 0
            held = [name for name in strategy.deletion_finalizers if name not in finalizers]
            meta = evolve(
                meta,
                deletion_timestamp=now + seconds,
                deletion_grace_period_seconds=seconds,
                finalizers=(*finalizers, *held),
                generation=meta.generation + 1 if meta.generation else 0,
            )
            return evolve(strategy.mark_deleted(old), metadata=meta)
        current = meta.deletion_grace_period_seconds or 0
        if grace is not None and options.grace_period_seconds is not None and grace < current:
            # Shorter is allowed, longer is not: the pod counts on the promise made first.
            begun = meta.deletion_timestamp - current
            meta = evolve(
                meta,
                deletion_timestamp=max(now, begun + grace) if grace else now,
                deletion_grace_period_seconds=grace,
            )
        meta = evolve(meta, finalizers=finalizers)
        return old if meta == old.metadata else evolve(old, metadata=meta)


def finalizers_after(finalizers: tuple[str, ...], options: DeleteOptions) -> tuple[str, ...]:
    """The finalizers once the propagation policy has had its say."""
    policy = options.propagation_policy
    if not policy:
        return finalizers
    kept = tuple(name for name in finalizers if name not in (FOREGROUND, ORPHAN))
    if policy == "Orphan":
        return (*kept, ORPHAN)
    return (*kept, FOREGROUND) if policy == "Foreground" else kept


def _check_preconditions(resource: Resource, old: Any, options: DeleteOptions) -> None:
    meta = old.metadata
    if options.uid and options.uid != meta.uid:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record "
            f"({meta.uid}). The object might have been deleted and then recreated"
        )
        raise ConflictError.of(resource.kind, meta.name, why, group=resource.group)
    if options.resource_version and options.resource_version != meta.resource_version:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
            f"the ResourceVersion in record ({meta.resource_version}). The object might have been "
            "modified"
        )
        raise ConflictError.of(resource.kind, meta.name, why, group=resource.group)
