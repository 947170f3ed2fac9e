"""What happens to a CustomResourceDefinition after it is written: names, conditions, the end.

Source: apiextensions-apiserver pkg/controller/{status,establish,finalizer}, kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import attrs

from engine.api.codec import format_time
from engine.api.frozen import EMPTY, FrozenDict, freeze
from engine.api.meta import ApiObject
from engine.api.scheme import Resource, Scheme
from engine.apiserver.customresources.registry import GROUP, PLURAL, VERSION
from engine.apiserver.customresources.strategy import CLEANUP
from engine.apiserver.errors import ApiError, ConflictError, NotFoundError
from engine.apiserver.keys import prefix_of
from engine.apiserver.request import DeleteOptions, RequestInfo
from engine.apiserver.strategy import status_of, with_status
from engine.kernel.loop import Loop
from engine.store.kv import prefix_end
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch

_AGAIN = 1.0
"""Seconds until a definition is looked at again whose objects are still going."""

_NAMES = ("plural", "singular", "kind", "listKind")
_REQUEST = RequestInfo(user="system:apiserver", groups=("system:masters",), actor="kube-apiserver")

Json = Mapping[str, Any]


class Server(Protocol):
    """What the controller asks of the API server."""

    loop: Loop
    store: Store[Any]
    scheme: Scheme

    def update(self, obj: Any, *, subresource: str = "", request: RequestInfo) -> Any:
        """Replace an object or its status."""
        ...

    def delete(
        self,
        cls: type[ApiObject],
        name: str,
        *,
        namespace: str,
        options: DeleteOptions,
        request: RequestInfo,
    ) -> Any:
        """Delete an object."""
        ...


@attrs.define(eq=False)
class DefinitionController:
    """Accepts names, establishes definitions, and takes a deleted one's objects with it."""

    server: Server
    _waiting: dict[str, None] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        prefix = prefix_of(self._definitions)
        self.server.store.watch(
            prefix, prefix_end(prefix), deliver=self._on_batch, prev_kv=True, name="apiserver"
        )
        for crd in self._all():
            self._enqueue(crd.metadata.name)

    def _on_batch(self, batch: WatchBatch[Any]) -> None:
        for change in batch.changes:
            if change.type == "put":
                self._enqueue(change.kv.value.metadata.name)
            else:
                # The names it had may be free for others now.
                for crd in self._all():
                    self._enqueue(crd.metadata.name)

    def _enqueue(self, name: str, delay: float = 0.0) -> None:
        if name not in self._waiting:
            self._waiting[name] = None
            self.server.loop.call_later(delay, self._reconcile, name)

    def _reconcile(self, name: str) -> None:
        self._waiting.pop(name, None)
        crd = next((one for one in self._all() if one.metadata.name == name), None)
        if crd is None:
            return
        try:
            if crd.metadata.deletion_timestamp is not None:
                self._finalize(crd)
            else:
                self._accept(crd)
        except (NotFoundError, ConflictError):
            self._enqueue(name)
        except ApiError:
            self._enqueue(name, _AGAIN)

    def _accept(self, crd: Any) -> None:
        others = [one for one in self._all() if one.metadata.name != crd.metadata.name]
        status = accepted_status(crd, others, now=self.server.loop.now)
        if status != status_of(crd):
            self._write_status(crd, status)

    def _finalize(self, crd: Any) -> None:
        if CLEANUP not in crd.metadata.finalizers:
            return
        left = self._delete_instances(crd)
        now = self.server.loop.now
        if left:
            said = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
        else:
            said = ("False", "InstanceDeletionCompleted", "removed all instances")
        status = with_condition(status_of(crd) or EMPTY, "Terminating", *said, now=now)
        if status != status_of(crd):
            crd = self._write_status(crd, status)
        if left:
            self._enqueue(crd.metadata.name, _AGAIN)
            return
        kept = tuple(name for name in crd.metadata.finalizers if name != CLEANUP)
        metadata = attrs.evolve(crd.metadata, finalizers=kept)
        self.server.update(attrs.evolve(crd, metadata=metadata), request=_REQUEST)

    def _delete_instances(self, crd: Any) -> int:
        """Delete every object of the definition; how many are still there."""
        spec = crd.extra.get("spec", EMPTY)
        plural = spec.get("names", EMPTY).get("plural")
        resource = next(
            (
                one
                for one in self.server.scheme
                if one.group == spec.get("group") and one.plural == plural
            ),
            None,
        )
        if resource is None:
            return 0
        for obj in self._stored(resource):
            if obj.metadata.deletion_timestamp is None:
                self.server.delete(
                    resource.cls,
                    obj.metadata.name,
                    namespace=obj.metadata.namespace,
                    options=DeleteOptions(),
                    request=_REQUEST,
                )
        return len(self._stored(resource))

    def _write_status(self, crd: Any, status: Any) -> Any:
        return self.server.update(with_status(crd, status), subresource="status", request=_REQUEST)

    def _stored(self, resource: Resource) -> list[Any]:
        prefix = prefix_of(resource)
        return [kv.value for kv in self.server.store.range(prefix, prefix_end(prefix)).kvs]

    def _all(self) -> list[Any]:
        return self._stored(self._definitions)

    @property
    def _definitions(self) -> Resource:
        found = self.server.scheme.by_path(GROUP, VERSION, PLURAL)
        assert found is not None, "every scheme has definitions"
        return found


def accepted_status(crd: Any, others: Iterable[Any], *, now: float) -> FrozenDict[str, Any]:
    """The status of *crd* when the definitions *others* have their names already."""
    spec = crd.extra.get("spec", EMPTY)
    wanted, status = spec.get("names", EMPTY), status_of(crd) or EMPTY
    accepted = status.get("acceptedNames") or EMPTY
    taken: set[Any] = set()
    kinds: set[Any] = set()
    for other in others:
        if other.extra.get("spec", EMPTY).get("group") == spec.get("group"):
            names = (status_of(other) or EMPTY).get("acceptedNames") or EMPTY
            taken |= {names.get("plural"), names.get("singular"), *names.get("shortNames", ())}
            kinds |= {names.get("kind"), names.get("listKind")}
    conflict: tuple[str, str] | None = None
    for name, used in (
        ("plural", taken),
        ("singular", taken),
        ("kind", kinds),
        ("listKind", kinds),
    ):
        value = wanted.get(name)
        if value and value in used:
            conflict = (f"{name[:1].upper()}{name[1:]}Conflict", f'"{value}" is already in use')
        else:
            accepted = accepted.with_items({name: value})
    clashing = [one for one in wanted.get("shortNames", ()) if one in taken]
    if clashing:
        listed = ", ".join(f'"{one}" is already in use' for one in clashing)
        conflict = ("ShortNamesConflict", listed if len(clashing) == 1 else f"[{listed}]")
    for name in ("shortNames", "categories"):
        if name == "shortNames" and clashing:
            continue
        given = wanted.get(name)
        accepted = accepted.with_items({name: given}) if given else accepted.without(name)
    status = status.with_items({"acceptedNames": accepted})
    if conflict is None:
        status = with_condition(
            status, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now=now
        )
        return with_condition(
            status,
            "Established",
            "True",
            "InitialNamesAccepted",
            "the initial names have been accepted",
            now=now,
        )
    status = with_condition(status, "NamesAccepted", "False", *conflict, now=now)
    if _condition(status, "Established").get("status") == "True":
        return status
    return with_condition(
        status, "Established", "False", "NotAccepted", "not all names are accepted", now=now
    )


def with_condition(
    status: FrozenDict[str, Any], type_: str, value: str, reason: str, message: str, *, now: float
) -> FrozenDict[str, Any]:
    """*status* with that condition; its time is kept while its value is the same."""
    before = _condition(status, type_)
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    condition = {
        "type": type_,
        "status": value,
        "lastTransitionTime": since or format_time(now),
        "reason": reason,
        "message": message,
    }
    if before == condition:
        return status
    conditions = status.get("conditions") or ()
    places = [one.get("type") for one in conditions]
    changed = [freeze(condition) if one.get("type") == type_ else one for one in conditions]
    if type_ not in places:
        changed.append(freeze(condition))
    return status.with_items({"conditions": tuple(changed)})


def _condition(status: Json, type_: str) -> Json:
    conditions = status.get("conditions") or ()
    found: Json = next((one for one in conditions if one.get("type") == type_), EMPTY)
    return found
