"""Who owns which fields, kept up to date at every write that is not an apply.

What many objects share is kept once: ten thousand pods of one template own the same fields.

Source: k8s.io/apimachinery pkg/util/managedfields, kubernetes v1.34.
"""

from typing import Any

from engine.api.codec import encode, encode_both, format_time
from engine.api.evolution import evolve
from engine.api.frozen import EMPTY, FrozenDict
from engine.api.scheme import Resource
from engine.apiserver.managed_fields import Manager, track_update, vouch_for
from engine.apiserver.request import RequestInfo
from engine.apiserver.resource_schema import node_of

_KEPT = 4096
_CONTROLLERS = "system:serviceaccount:kube-system:"


def tracked(
    resource: Resource,
    new: Any,
    old: Any | None,
    *,
    subresource: str,
    request: RequestInfo,
    now: float,
) -> Any:
    """*new* with what the writer set or changed put down as his.

    An object that nobody is known to own anything of stays so: its author wants it that way.

    Args:
        resource: the kind that is written.
        new: the object as it will be stored.
        old: the object as it is; None if it is new.
        subresource: what the write is restricted to; empty for the object.
        request: who writes.
        now: the time of the write.

    Raises:
        BadRequestError: the object is nested too deeply.
    """
    if old is None:
        if resource.kind == "Event" and request.user.startswith("system:"):
            return new
    elif not old.metadata.managed_fields or _is_cleared(new):
        return _with(new, ())
    manager = Manager(
        name=manager_of(request),
        operation="Update",
        api_version=resource.api_version,
        subresource=subresource,
    )
    before, after = (None, encode(new)) if old is None else encode_both(old, new)
    if resource.subresources and "status" in resource.subresources and not subresource:
        # The status is not this writer's; what a new object says there is the server's.
        after.pop("status", None)
        if before is not None:
            before.pop("status", None)
    done = track_update(
        before, after, manager=manager, node=node_of(resource), now=format_time(now)
    )
    managed = tuple(_shared(entry) for entry in done["metadata"].get("managedFields", ()))
    for entry in managed:
        vouch_for(entry["fieldsV1"])
    return _with(new, managed)


def manager_of(request: RequestInfo) -> str:
    """Under which name the writer owns fields: his program's."""
    actor = request.actor or request.user or "unknown"
    if request.user == _CONTROLLERS + actor:
        return "kube-controller-manager"
    if request.user == f"system:kube-{actor}":
        return f"kube-{actor}"
    return actor.partition("/")[0]


def _is_cleared(new: Any) -> bool:
    """Whether the writer sends one empty entry: away with all managers."""
    managed = new.metadata.managed_fields
    return len(managed) == 1 and not managed[0]


def _with(obj: Any, managed: tuple[Any, ...]) -> Any:
    if obj.metadata.managed_fields == managed:
        return obj
    return evolve(obj, metadata=evolve(obj.metadata, managed_fields=managed))


_Content = tuple[tuple[str, object], ...]
_known: dict[_Content, FrozenDict[str, Any]] = {}
# The same by where they are: what comes from an object that is stored is shared already.
_shared_sets: dict[int, FrozenDict[str, Any]] = {}
# Elements of lists that are named after what no two objects have in common.
_UNSHARED = ('k:{"ip"', 'k:{"uid"')


def _shared(value: dict[str, Any]) -> FrozenDict[str, Any]:
    """*value* frozen, the same object for the same content."""
    return _interned(value)[0]


def _interned(value: dict[str, Any]) -> tuple[FrozenDict[str, Any], bool]:
    """*value* frozen, and whether others may have the same content.

    Content is told by its parts: those that are shared already by where they are. What is known
    holds its parts, so that no other object takes their place.
    """
    if not value:
        return EMPTY, True
    if _shared_sets.get(id(value)) is value:
        return _shared_sets[id(value)], True
    parts: dict[str, Any] = {}
    content: list[tuple[str, object]] = []
    is_common = True
    is_same = True
    for name, part in value.items():
        if part is EMPTY or _shared_sets.get(id(part)) is part:
            # Most parts: asked here rather than by a call each.
            content.append((name, id(part)))
        elif isinstance(part, dict):
            given = part
            part, has_peers = _interned(part)  # noqa: PLW2901 - the frozen one
            is_same = is_same and part is given
            is_common = is_common and has_peers
            content.append((name, id(part)))
        else:
            content.append((name, part))
        if is_common and name.startswith(_UNSHARED):
            is_common = False
        parts[name] = part
    frozen = value if isinstance(value, FrozenDict) and is_same else FrozenDict(parts)
    if not is_common:
        return frozen, False
    key = tuple(content)
    found = _known.pop(key, None)
    if found is None:
        found = frozen
        if len(_known) >= _KEPT:
            dropped = _known.pop(next(iter(_known)))
            del _shared_sets[id(dropped)]
        _shared_sets[id(found)] = found
    _known[key] = found
    return found, True
