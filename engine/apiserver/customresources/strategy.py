"""How custom resources and their definitions are written.

Source: apiextensions-apiserver pkg/registry, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.frozen import EMPTY, FrozenDict, freeze
from engine.apiserver.customresources.definition_validation import (
    definition_faults,
    definition_update_faults,
)
from engine.apiserver.customresources.version import CustomVersion
from engine.apiserver.errors import Cause, MethodNotAllowedError
from engine.apiserver.strategy import Strategy, Surroundings, status_of, with_status

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class CustomStrategy(Strategy):
    """One version of a custom resource, by its schema."""

    ratchets = True
    keeps_metadata = True

    def __init__(self, version: CustomVersion) -> None:
        self.version = version
        self.has_status = version.has_status

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Without a status, if that is a subresource.

        Raises:
            MethodNotAllowedError: the definition is being deleted.
        """
        if self.version.is_terminating:
            raise MethodNotAllowedError(
                "create not allowed while custom resource definition is terminating"
            )
        return super().prepare_for_create(obj, around)

    def validate(self, obj: Any) -> list[Cause]:
        """What the schema says of a new object."""
        return self.version.validate(obj)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What the schema says of what changed; the rest was there before."""
        return self.version.validate(new, old)

    def validate_status_update(self, new: Any, old: Any) -> list[Cause]:
        """The same for the status."""
        return self.version.validate(new, old)

    def changes_generation(self, new: Any, old: Any) -> bool:
        """Anything but the metadata, and but the status if that is a subresource."""
        before, after = old.extra, new.extra
        if self.has_status:
            before, after = before.without("status"), after.without("status")
        return bool(before != after)


class DefinitionStrategy(Strategy):
    """CustomResourceDefinitions."""

    keeps_metadata = True
    deletion_finalizers = (CLEANUP,)

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """With a status that says which version is stored."""
        del around
        stored = tuple(one["name"] for one in _versions(obj) if one.get("storage"))
        return with_status(obj, freeze({"storedVersions": stored, "conditions": ()}))

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """The old status; a new storage version is one of the stored versions."""
        del around
        status = status_of(old) or EMPTY
        stored = tuple(status.get("storedVersions") or ())
        added = tuple(
            one["name"]
            for one in _versions(new)
            if one.get("storage") and one.get("name") not in stored
        )
        if added:
            status = status.with_items({"storedVersions": (*stored, *added)})
        return with_status(new, status)

    def default(self, obj: Any) -> Any:
        """The names that follow from others, and the conversion that does nothing."""
        spec = obj.extra.get("spec", EMPTY)
        names = spec.get("names", EMPTY)
        kind = str(names.get("kind") or "")
        filled = {
            name: value
            for name, value in (("singular", kind.lower()), ("listKind", f"{kind}List"))
            if kind and not names.get(name)
        }
        changes: dict[str, Any] = {}
        if filled:
            changes["names"] = names.with_items(filled)
        conversion = spec.get("conversion") or EMPTY
        if not conversion.get("strategy"):
            changes["conversion"] = conversion.with_items({"strategy": "None"})
        if not changes:
            return obj
        return attrs.evolve(obj, extra=obj.extra.with_items({"spec": spec.with_items(changes)}))

    def validate(self, obj: Any) -> list[Cause]:
        """Names, versions and schemas."""
        return definition_faults(obj)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What cannot change any more."""
        return definition_update_faults(new, old)

    def validate_status_update(self, new: Any, old: Any) -> list[Cause]:
        """Stored versions must be versions."""
        return definition_update_faults(new, old)

    def allocate(self, obj: Any, old: Any | None, around: Surroundings) -> Any:
        """*obj* itself: a definition gets nothing."""
        del old, around
        return obj


def _versions(obj: Any) -> tuple[FrozenDict[str, Any], ...]:
    return tuple(obj.extra.get("spec", EMPTY).get("versions") or ())
