"""create and update: prepare, default, admit, validate, allocate, store."""

from collections.abc import Callable
from typing import Any

import attrs

from engine.api.evolution import evolve
from engine.api.meta import ObjectMeta
from engine.api.scheme import Resource
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.admission.registry import Admission
from engine.apiserver.errors import (
    BadRequestError,
    Cause,
    ConflictError,
    InvalidError,
    MethodNotAllowedError,
)
from engine.apiserver.field_tracking import tracked
from engine.apiserver.request import RequestInfo
from engine.apiserver.storage import MODIFIED, ObjectStorage, origin_for
from engine.apiserver.strategies.registry import strategy_for
from engine.apiserver.strategy import Strategy, Surroundings
from engine.apiserver.validation import validate_metadata, validate_metadata_update
from engine.kernel.rng import name_suffix, new_uid

# Names end in a random suffix of 5 characters and have at most 63.
_LONGEST_BASE = 58

Remove = Callable[[Resource, Any, RequestInfo], None]


@attrs.define(eq=False)
class Writer:
    """The write half of the pipeline."""

    storage: ObjectStorage
    around: Surroundings
    admission: Admission

    def create(
        self,
        resource: Resource,
        obj: Any,
        *,
        request: RequestInfo,
        dry_run: bool = False,
        is_applied: bool = False,
    ) -> Any:
        """Store a new object; returns it as stored.

        What is applied says already who owns its fields.
        """
        if resource.verbs == ("create",):
            raise MethodNotAllowedError(f"{resource.kind} is not stored")
        strategy = strategy_for(resource)
        meta = obj.metadata
        if meta.resource_version:
            raise BadRequestError("resourceVersion should not be set on objects to be created")
        if resource.namespaced and not meta.namespace:
            raise BadRequestError("an empty namespace may not be set during creation")
        obj = evolve(obj, metadata=self._new_metadata(resource, meta, strategy))
        obj = strategy.default(strategy.prepare_for_create(obj, self.around))
        if not is_applied:
            # What admission adds is nobody's.
            obj = tracked(resource, obj, None, subresource="", request=request, now=self.around.now)
        attributes = Attributes(
            operation="CREATE", resource=resource, obj=obj, request=request, dry_run=dry_run
        )
        obj = self.admission.admit(attributes, self.storage)
        _refuse(
            resource, obj, [*validate_metadata(obj.metadata, resource), *strategy.validate(obj)]
        )
        obj = strategy.allocate(obj, None, self.around)
        attributes = evolve(attributes, obj=obj)
        self.admission.check(attributes, self.storage)
        _warn(request, strategy, obj, None)
        stored = self.storage.insert(resource, obj, origin=origin_for(request), dry_run=dry_run)
        self.admission.settle(attributes, self.storage)
        return stored

    def update(
        self,
        resource: Resource,
        obj: Any,
        *,
        subresource: str,
        request: RequestInfo,
        dry_run: bool,
        remove: Remove,
        is_applied: bool = False,
        by: str = "",
    ) -> Any:
        """Replace an object, or its status; returns it as stored.

        What is written *by* another subresource, a scale, is its writer's by that name.
        When the last thing goes that kept a deleted object, *remove* takes it away.
        """
        meta = obj.metadata
        old = self.storage.read(resource, meta.namespace, meta.name)
        _check_is_same(resource, meta, old.metadata)
        strategy = strategy_for(resource)
        part = strategy.for_subresource(subresource) if subresource else None
        strategy = part or strategy
        is_spec = not subresource or part is not None
        new = evolve(obj, metadata=_kept_metadata(meta, old.metadata))
        if subresource == "status":
            managed = new.metadata.managed_fields
            new = strategy.prepare_for_status_update(new, old, self.around)
            if managed != new.metadata.managed_fields:
                new = evolve(new, metadata=evolve(new.metadata, managed_fields=managed))
        elif is_spec:
            new = strategy.default(strategy.prepare_for_update(new, old, self.around))
        # In this order: a new status differs, but only after all of an equal spec was compared.
        if not subresource and new == old:
            return old
        if not is_applied:
            new = tracked(
                resource,
                new,
                old,
                subresource=by or subresource,
                request=request,
                now=self.around.now,
            )
        attributes = Attributes(
            operation="UPDATE",
            resource=resource,
            obj=new,
            old=old,
            subresource=subresource,
            request=request,
            dry_run=dry_run,
        )
        new = self.admission.admit(attributes, self.storage)
        _refuse(
            resource,
            new,
            [
                *validate_metadata(new.metadata, resource),
                *validate_metadata_update(new.metadata, old.metadata),
                *(() if subresource == "status" or strategy.ratchets else strategy.validate(new)),
                *(
                    strategy.validate_status_update(new, old)
                    if subresource == "status"
                    else strategy.validate_update(new, old)
                ),
            ],
        )
        if is_spec:
            new = strategy.allocate(new, old, self.around)
            if strategy.has_generation and strategy.changes_generation(new, old):
                generation = old.metadata.generation + 1
                new = evolve(new, metadata=evolve(new.metadata, generation=generation))
            _warn(request, strategy, new, old)
        if new == old:
            return old
        attributes = evolve(attributes, obj=new)
        self.admission.check(attributes, self.storage)
        if may_go(new, strategy) and not dry_run:
            remove(resource, evolve(new, metadata=_at(new.metadata, old.metadata)), request)
            return new
        stored = self.storage.replace(
            resource, new, old, origin=origin_for(request), dry_run=dry_run
        )
        self.admission.settle(attributes, self.storage)
        return stored

    def _new_metadata(self, resource: Resource, meta: ObjectMeta, strategy: Strategy) -> ObjectMeta:
        name = meta.name
        if not name and meta.generate_name:
            stream = self.around.stream("apiserver/names")
            name = meta.generate_name[:_LONGEST_BASE] + name_suffix(stream)
        return evolve(
            meta,
            name=name,
            namespace=meta.namespace if resource.namespaced else "",
            uid=new_uid(self.around.stream("apiserver/uids")),
            creation_timestamp=self.around.now,
            deletion_timestamp=None,
            deletion_grace_period_seconds=None,
            generation=1 if strategy.has_generation else 0,
        )


def may_go(obj: Any, strategy: Strategy) -> bool:
    """Whether *obj* is being deleted and nothing keeps it any more."""
    meta = obj.metadata
    return (
        meta.deletion_timestamp is not None
        and not meta.finalizers
        and not meta.deletion_grace_period_seconds
        and not strategy.is_held(obj)
    )


def _check_is_same(resource: Resource, meta: ObjectMeta, old: ObjectMeta) -> None:
    if meta.uid and meta.uid != old.uid:
        why = f"Precondition failed: UID in precondition: {meta.uid}, UID in object meta: {old.uid}"
        raise ConflictError.of(resource.plural, meta.name, why, group=resource.group)
    if meta.resource_version and meta.resource_version != old.resource_version:
        raise ConflictError.of(resource.plural, meta.name, MODIFIED, group=resource.group)


def _kept_metadata(meta: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    """*meta* with what only the server sets."""
    return evolve(
        meta,
        namespace=old.namespace,
        uid=old.uid,
        resource_version=old.resource_version,
        generation=old.generation,
        managed_fields=meta.managed_fields or old.managed_fields,
        creation_timestamp=old.creation_timestamp,
        deletion_timestamp=old.deletion_timestamp,
        deletion_grace_period_seconds=old.deletion_grace_period_seconds,
    )


def _at(meta: ObjectMeta, old: ObjectMeta) -> ObjectMeta:
    return evolve(meta, resource_version=old.resource_version)


def _warn(request: RequestInfo, strategy: Strategy, new: Any, old: Any | None) -> None:
    if request.warn is not None:
        for text in strategy.warnings(new, old):
            request.warn(text)


def _refuse(resource: Resource, obj: Any, causes: list[Cause]) -> None:
    if causes:
        raise InvalidError.of(resource.kind, obj.metadata.name, causes, group=resource.group)
