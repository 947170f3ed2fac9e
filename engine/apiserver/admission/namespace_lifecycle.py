"""NamespaceLifecycle: nothing is made in a namespace that is missing or going away.

Source: plugin/pkg/admission/namespace/lifecycle, kubernetes v1.34.
"""

from typing import Any

from engine.api.core import Namespace
from engine.api.scheme import SCHEME
from engine.apiserver.admission.attributes import Attributes
from engine.apiserver.errors import Cause, ForbiddenError, NotFoundError
from engine.apiserver.storage import ObjectStorage

IMMORTAL = ("default", "kube-system", "kube-public")

_NAMESPACES = SCHEME.resource_of(Namespace)


class NamespaceLifecycle:
    """Guards namespaces: the immortal ones from deletion, the ending ones from new objects."""

    kinds = (object,)

    def admit(self, attributes: Attributes, storage: ObjectStorage) -> Any:
        """The object unchanged, or a refusal."""
        obj, resource = attributes.obj, attributes.resource
        if attributes.operation == "DELETE" and resource.kind == "Namespace":
            if obj.metadata.name in IMMORTAL:
                raise ForbiddenError(
                    f'namespaces "{obj.metadata.name}" is forbidden: '
                    "this namespace may not be deleted",
                    name=obj.metadata.name,
                    kind="namespaces",
                )
        elif attributes.operation == "CREATE" and resource.namespaced:
            self._check(attributes, storage)
        return obj

    def _check(self, attributes: Attributes, storage: ObjectStorage) -> None:
        name = attributes.obj.metadata.namespace
        namespace = storage.find(_NAMESPACES, "", name)
        if namespace is None:
            raise NotFoundError.of("namespaces", name)
        if namespace.metadata.deletion_timestamp is not None:
            what = f'{attributes.resource.qualified} "{attributes.obj.metadata.name}"'
            why = f"unable to create new content in namespace {name} because it is being terminated"
            raise ForbiddenError(
                f"{what} is forbidden: {why}",
                name=attributes.obj.metadata.name,
                group=attributes.resource.group,
                kind=attributes.resource.plural,
                causes=(
                    Cause(
                        field="metadata.namespace",
                        message=f"namespace {name} is being terminated",
                        reason="NamespaceTerminating",
                    ),
                ),
            )
