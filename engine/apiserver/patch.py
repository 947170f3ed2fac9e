"""Patches of wire-form objects: the kind a content type means, and the merge patch (RFC 7396)."""

from typing import Any

from engine.api.frozen import thaw
from engine.apiserver.errors import BadRequestError, UnsupportedMediaTypeError
from engine.apiserver.json_patch import json_patch
from engine.apiserver.schema.node import Node
from engine.apiserver.strategic_patch import strategic_merge_patch

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


def patched(
    content_type: str, document: dict[str, Any], patch: Any, node: Node | None
) -> dict[str, Any]:
    """*document* with *patch* applied; neither is changed.

    Args:
        content_type: what kind of patch it is. Server-side apply is not one of them, see `apply`.
        document: the object as it is, in wire form.
        patch: the request's body, decoded.
        node: the schema of the object's kind; None for a custom resource, which takes no strategic
            merge patch because nobody has said how its lists merge.

    Raises:
        UnsupportedMediaTypeError: there is no such kind of patch, or not for this object.
        BadRequestError: the patch is malformed, or leaves no object behind.
        InvalidError: the patch does not apply to this object.
    """
    content_type = content_type.partition(";")[0].strip().lower()
    allowed = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
    if node is not None:
        allowed.insert(2, STRATEGIC_MERGE_PATCH)
    try:
        if content_type == JSON_PATCH:
            result = json_patch(document, patch)
        elif content_type == MERGE_PATCH:
            result = merge_patch(document, _object(patch))
        elif content_type == STRATEGIC_MERGE_PATCH and node is not None:
            result = strategic_merge_patch(document, _object(patch), node)
        else:
            raise UnsupportedMediaTypeError(
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(allowed)
            )
    except RecursionError as error:
        raise BadRequestError("the patch is nested too deeply") from error
    if not isinstance(result, dict):
        raise BadRequestError("the patch leaves no object behind")
    return result


def merge_patch(document: Any, patch: Any) -> Any:
    """*document* merged with *patch*: maps merge, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return thaw(patch)
    merged = dict(document) if isinstance(document, dict) else {}
    for key, part in patch.items():
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), part)
    return merged


def _object(patch: Any) -> dict[str, Any]:
    if not isinstance(patch, dict):
        raise BadRequestError("error decoding patch: expected a JSON object")
    return patch
