"""Namespace: labelled with its name, and held until its content is gone."""

from typing import Any

import attrs

from engine.api.core import NamespaceSpec, NamespaceStatus
from engine.apiserver.strategy import Surroundings, WithoutGeneration

_NAME_LABEL = "kubernetes.io/metadata.name"
_FINALIZER = "kubernetes"


class NamespaceStrategy(WithoutGeneration):
    """Namespaces."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Active, with the finalizer that the namespace controller removes."""
        del around
        finalizers = obj.spec.finalizers
        if _FINALIZER not in finalizers:
            finalizers = (*finalizers, _FINALIZER)
        return attrs.evolve(
            obj, spec=NamespaceSpec(finalizers=finalizers), status=NamespaceStatus(phase="Active")
        )

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """Finalizers change through the finalize subresource only."""
        del around
        return attrs.evolve(new, spec=old.spec, status=old.status)

    def default(self, obj: Any) -> Any:
        """Its name as a label."""
        labels = obj.metadata.labels
        name = obj.metadata.name
        if not name or labels.get(_NAME_LABEL) == name:
            return obj
        labels = labels.with_items({_NAME_LABEL: name})
        return attrs.evolve(obj, metadata=attrs.evolve(obj.metadata, labels=labels))

    def is_held(self, obj: Any) -> bool:
        """By its spec's finalizers."""
        return bool(obj.spec.finalizers)

    def mark_deleted(self, obj: Any) -> Any:
        """Terminating."""
        return attrs.evolve(obj, status=attrs.evolve(obj.status, phase="Terminating"))
