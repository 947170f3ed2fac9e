"""patch: the stored object in wire form, changed, and read again.

Who owns which field is kept by the apply or, for the other patches, by the update they end in.
"""

from collections.abc import Callable
from typing import Any

import attrs

from engine.api.autoscaling import Scale
from engine.api.codec import DecodeError, decode_as, encode_thawed, format_time
from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.apply import apply
from engine.apiserver.errors import ApiError, BadRequestError, InvalidError, NotFoundError
from engine.apiserver.managed_fields import Manager
from engine.apiserver.patch import APPLY_PATCH, patched
from engine.apiserver.request import PatchBody
from engine.apiserver.resource_schema import node_of, read_as
from engine.apiserver.schema.node import Node, of_kind
from engine.apiserver.schema.reading import read
from engine.apiserver.storage import ObjectStorage
from engine.apiserver.strategy import Surroundings
from engine.apiserver.typed_patch import check_typed
from engine.apiserver.validation import invalid


@attrs.define(eq=False)
class Patcher:
    """Makes the object that a patch asks for; storing it is an update or a create."""

    storage: ObjectStorage
    around: Surroundings

    def patched(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        patch: PatchBody,
        *,
        subresource: str,
        warn: Callable[[str], object] | None = None,
    ) -> tuple[Any, bool]:
        """The object after *patch*, and whether it does not exist yet.

        Raises:
            NotFoundError: there is none, and the patch is not an apply.
            ConflictError: an apply would take fields from somebody else.
            BadRequestError: the patch or what it makes cannot be read.
        """
        old = self.storage.find(resource, namespace, name)
        node = node_of(resource)
        if patch.type.startswith(APPLY_PATCH):
            document = self._applied(resource, name, namespace, old, patch, node, subresource)
        elif old is None:
            raise NotFoundError.of(resource.plural, name, group=resource.group)
        else:
            live = encode_thawed(old)
            # Nobody has said how the lists of a custom resource merge strategically.
            merging = None if resource.custom is not None else node
            document = patched(patch.type, live, patch.data, merging)
        try:
            new = _read(resource, document, node, patch.field_validation, warn)
        except BadRequestError as error:
            raise _of_patch(error, patch) from error
        _check_name(resource, new, name, namespace)
        return new, old is None

    def patched_scale(self, scale: Scale, patch: PatchBody) -> Scale:
        """*scale* after *patch*."""
        node = of_kind("autoscaling", "v1", "Scale")
        if patch.type.startswith(APPLY_PATCH):
            if not isinstance(patch.data, dict):
                raise BadRequestError("an apply patch must be an object")
            document = {**encode_thawed(scale), **patch.data}
            document["metadata"] = encode_thawed(scale)["metadata"]
        else:
            document = patched(patch.type, encode_thawed(scale), patch.data, node)
        if node is not None:
            document = read(
                document, node, kind="Scale", version="v1", field_validation="Ignore"
            ).value
        try:
            return decode_as(Scale, document)
        except DecodeError as error:
            raise BadRequestError(str(error)) from error

    def _applied(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        old: ApiObject | None,
        patch: PatchBody,
        node: Node | None,
        subresource: str,
    ) -> dict[str, Any]:
        if not patch.field_manager:
            raise BadRequestError(
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is '
                "required for apply patch"
            )
        config = patch.data
        if not isinstance(config, dict):
            raise BadRequestError("an apply patch must be an object")
        metadata = config.get("metadata") or {}
        if not isinstance(metadata, dict):
            raise BadRequestError("metadata must be an object")
        config = {
            **config,
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {**metadata, "name": name},
        }
        if resource.namespaced:
            config["metadata"]["namespace"] = namespace
        check_typed(config, node, is_strict=patch.field_validation == "Strict")
        manager = Manager(
            name=patch.field_manager,
            operation="Apply",
            api_version=resource.api_version,
            subresource=subresource,
        )
        return apply(
            None if old is None else encode_thawed(old),
            config,
            manager=manager,
            node=node,
            now=format_time(self.around.now),
            force=patch.force,
            # A false or an empty string is not stored, and must not look like a change each time.
            settle=lambda document: encode_thawed(
                _read(resource, document, node, patch.field_validation)
            ),
        )


def _of_patch(error: BadRequestError, patch: PatchBody) -> ApiError:
    """*error*, or what Kubernetes says instead when a strict patch names unknown fields."""
    _, mark, words = error.message.partition("strict decoding error: ")
    if not mark or patch.type.startswith(APPLY_PATCH):
        return error
    return InvalidError.of("", "", [invalid("patch", patch.data, mark + words)])


def _read(
    resource: Resource,
    document: dict[str, Any],
    node: Node | None,
    field_validation: str,
    warn: Callable[[str], object] | None = None,
) -> Any:
    if node is not None:
        reading = read_as(
            resource,
            document,
            field_validation=field_validation,
        )
        if warn is not None:
            for text in reading.warnings:
                warn(text)
        document = reading.value
        if reading.missing:
            name = str((document.get("metadata") or {}).get("name", ""))
            raise InvalidError.of(resource.kind, name, reading.missing, group=resource.group)
    try:
        return decode_as(resource.cls, document)
    except DecodeError as error:
        raise BadRequestError(str(error)) from error


def _check_name(resource: Resource, new: Any, name: str, namespace: str) -> None:
    meta = new.metadata
    if meta.name != name:
        raise BadRequestError(
            f"the name of the object ({meta.name}) does not match the name on the URL ({name})"
        )
    if resource.namespaced and meta.namespace != namespace:
        raise BadRequestError(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
