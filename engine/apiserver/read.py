"""get and list: now or at a revision, selected, page by page."""

import base64
import binascii
from typing import Any

import attrs
import orjson

from engine.api.meta import ApiObject
from engine.api.scheme import Resource
from engine.apiserver.conversion import View, view_of
from engine.apiserver.errors import BadRequestError, Cause, GoneError, InvalidError
from engine.apiserver.fields import Predicate, equal_to, selection
from engine.apiserver.keys import key_of, prefix_of
from engine.apiserver.request import ObjectList
from engine.apiserver.storage import ObjectStorage
from engine.apiserver.validation import forbidden, unsupported
from engine.store.kv import prefix_end

# A token with this revision goes on with what there is now; Kubernetes calls it inconsistent.
_NEWEST = -1

EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


@attrs.frozen(kw_only=True)
class ListQuery:
    """What of a resource is listed."""

    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""


def parse_revision(text: str) -> int:
    """A resourceVersion as a store revision; empty is 0.

    Raises:
        BadRequestError: *text* is no revision of ours.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequestError(f"Invalid value: {text!r}: resourceVersion must be a number")
    return int(text)


def list_objects(
    storage: ObjectStorage, resource: Resource, cls: type[ApiObject], query: ListQuery
) -> ObjectList[Any]:
    """The selected objects, in key order, all of one revision.

    Raises:
        BadRequestError: a parameter makes no sense.
        GoneError: the revision or the continue token is too old.
        TimeoutApiError: the revision does not exist yet.
    """
    selects = selection(cls, query.label_selector, query.field_selector, custom=resource.custom)
    prefix = prefix_of(resource, query.namespace if resource.namespaced else "")
    start, end = prefix, prefix_end(prefix)
    revision = _revision_of(storage, query)
    limit = max(query.limit, 0)  # a negative one is none, as kube-apiserver has it
    if query.continue_token:
        revision, start = _resume(query.continue_token, prefix)
    elif (only := _single_key(resource, query)) is not None:
        start, end = only, only + b"\0"
    try:
        view = view_of(resource)
        return _collect(storage, start, end, prefix, revision, limit, selects, view)
    except GoneError as error:
        if query.continue_token:
            last = start.removeprefix(prefix).removesuffix(b"\0")
            raise GoneError(EXPIRED, continue_token=_token(_NEWEST, last)) from error
        raise


def _collect(
    storage: ObjectStorage,
    start: bytes,
    end: bytes,
    prefix: bytes,
    revision: int,
    limit: int,
    selects: Predicate | None,
    view: View | None,
) -> ObjectList[Any]:
    found = storage.range(start, end, revision=revision, limit=0 if selects else limit)
    at = revision or found.revision
    kvs: Any = found.kvs
    if view is not None:
        kvs = [kv._replace(value=view(kv.value)) for kv in kvs]
    if selects is not None:
        kvs = [kv for kv in kvs if selects(kv.value)]
    more = found.more
    if limit and selects is not None and len(kvs) > limit:
        more, kvs = True, kvs[:limit]
    items = tuple([kv.value for kv in kvs])
    if not more:
        return ObjectList(items=items, revision=at)
    token = _token(at, kvs[-1].key.removeprefix(prefix))
    remaining = None if selects is not None else found.count - len(items)
    return ObjectList(items=items, revision=at, continue_token=token, remaining=remaining)


def _revision_of(storage: ObjectStorage, query: ListQuery) -> int:
    """The revision to read at; 0 for the newest."""
    match, wanted = query.resource_version_match, parse_revision(query.resource_version)
    _check_match(match, query.resource_version, has_token=bool(query.continue_token))
    if match == "Exact":
        return wanted
    if wanted > storage.store.revision:
        storage.range(b"\0", b"\1", revision=wanted)
    return 0


def _check_match(match: str, resource_version: str, *, has_token: bool) -> None:
    field = "resourceVersionMatch"
    if not match:
        return
    causes = []
    if has_token:
        causes.append(forbidden(field, f"{field} is forbidden when continue is provided"))
    if not resource_version:
        causes.append(forbidden(field, f"{field} is forbidden unless resourceVersion is provided"))
    elif match not in ("Exact", "NotOlderThan"):
        causes.append(unsupported(field, match, ("Exact", "NotOlderThan")))
    elif match == "Exact" and resource_version == "0":
        said = f'{field} "exact" is forbidden for resourceVersion "0"'
        causes.append(forbidden(field, said))
    if causes:
        raise options_refused(causes)


def options_refused(causes: list[Cause]) -> InvalidError:
    """What a client hears whose parameters of a list or watch do not go together."""
    return InvalidError.of("ListOptions", "", causes, group="meta.k8s.io")


def _single_key(resource: Resource, query: ListQuery) -> bytes | None:
    """The one key that can be selected, if the field selector names it."""
    name = equal_to(query.field_selector, "metadata.name")
    if not name or (resource.namespaced and not query.namespace):
        return None
    return key_of(resource, query.namespace, name)


def _token(revision: int, last: bytes) -> str:
    body = {"v": "meta.k8s.io/v1", "rv": revision, "start": last.decode() + "\0"}
    return base64.urlsafe_b64encode(orjson.dumps(body)).decode().rstrip("=")


def _resume(token: str, prefix: bytes) -> tuple[int, bytes]:
    try:
        body = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        revision, start = int(body["rv"]), str(body["start"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise BadRequestError("continue key is not valid") from error
    if revision == _NEWEST:
        revision = 0
    elif revision <= 0:
        raise BadRequestError("continue key is not valid")
    if "/../" in f"/{start}":
        raise BadRequestError("continue key is not valid")
    return revision, prefix + start.encode()
