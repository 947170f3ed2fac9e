"""Change -> WatchEvent, relative to what a watcher selects; bookmarks; Gone."""

from collections.abc import Callable
from typing import Any

import attrs

from engine.api.frozen import FrozenDict
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.pod import Pod
from engine.api.scheme import Resource
from engine.apiserver.conversion import View, view_of
from engine.apiserver.errors import ApiError, GoneError
from engine.apiserver.fields import Predicate, equal_to, selection
from engine.apiserver.keys import span_of
from engine.apiserver.read import options_refused, parse_revision
from engine.apiserver.request import WatchEvent, WatchEventType
from engine.apiserver.storage import at_revision
from engine.apiserver.validation import forbidden, unsupported
from engine.store.kv import Change
from engine.store.watchable_store import Store
from engine.store.watcher import WatchBatch, Watcher

Deliver = Callable[[WatchEvent], object]

_INITIAL_END = FrozenDict({"k8s.io/initial-events-end": "true"})


@attrs.frozen(kw_only=True)
class WatchQuery:
    """What is watched, and from where on."""

    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    resource_version: str = ""
    bookmarks: bool = False
    send_initial_events: bool | None = None
    resource_version_match: str = ""


@attrs.define(eq=False)
class WatchHandle:
    """A watch under way. Nothing is delivered after `cancel`."""

    deliver: Deliver
    cls: type[ApiObject]
    selects: Predicate | None
    translate: "Translator"
    bookmarks: bool = False
    view: View | None = None
    is_cancelled: bool = attrs.field(default=False, init=False)
    watcher: Watcher[Any] | None = attrs.field(default=None, init=False)
    on_end: "Callable[[WatchHandle], object] | None" = attrs.field(default=None, init=False)
    on_close: Callable[[], object] | None = attrs.field(default=None, init=False)

    def cancel(self) -> None:
        """Stop the watch. Cancelling twice is allowed."""
        self.is_cancelled = True
        if self.watcher is not None:
            self.watcher.cancel()
        if self.on_end is not None:
            self.on_end(self)

    def end(self) -> None:
        """End the watch without a word, for those who see that: what is watched is gone."""
        if not self.is_cancelled and self.on_close is not None:
            self.cancel()
            self.on_close()

    def fail(self, error: ApiError) -> None:
        """End the watch and say why."""
        if not self.is_cancelled:
            self.cancel()
            self.deliver(WatchEvent("ERROR", error, 0))

    def on_batch(self, batch: WatchBatch[Any]) -> None:
        """Deliver what of one store commit the watcher selects."""
        if batch.compact_revision:
            self.fail(too_old(batch.compact_revision))
            return
        if not batch.changes:
            if self.bookmarks:
                self.deliver(bookmark(self.cls, batch.revision))
            return
        for change in batch.changes:
            event = self.translate(change, self.selects, self.view)
            if event is not None and not self.is_cancelled:
                self.deliver(event)


@attrs.define(eq=False)
class Translator:
    """Makes one WatchEvent per change, however many watchers get it."""

    _change: Change[Any] | None = attrs.field(default=None, init=False)
    _events: dict[tuple[str, object], WatchEvent] = attrs.field(factory=dict, init=False)

    def __call__(
        self, change: Change[Any], selects: Predicate | None, view: View | None = None
    ) -> WatchEvent | None:
        """*change* for a watcher with that selection; None if it is none of its business."""
        new = change.kv.value if change.type == "put" else None
        old = change.prev_kv.value if change.prev_kv is not None else None
        if view is not None and selects is not None:
            new = None if new is None else view(new)
            old = None if old is None else view(old)
        was_selected = old is not None and (selects is None or selects(old))
        is_selected = new is not None and (selects is None or selects(new))
        if is_selected:
            return self._event("MODIFIED" if was_selected else "ADDED", change, view)
        return self._event("DELETED", change, view) if was_selected else None

    def _event(self, type_: WatchEventType, change: Change[Any], view: View | None) -> WatchEvent:
        if change is not self._change:
            self._change, self._events = change, {}
        event = self._events.get((type_, view))
        if event is None:
            obj = change.kv.value
            if type_ == "DELETED":
                assert change.prev_kv is not None
                obj = at_revision(change.prev_kv.value, change.revision)
            if view is not None:
                obj = view(obj)
            event = self._events[type_, view] = WatchEvent(
                type_, obj, change.revision, change.origin
            )
        return event


def open_watch(
    store: Store[Any],
    resource: Resource,
    cls: type[ApiObject],
    query: WatchQuery,
    *,
    translate: Translator,
    deliver: Deliver,
    name: str = "",
) -> WatchHandle:
    """Begin a watch. Initial events, if asked for, are delivered before this returns.

    Raises:
        BadRequestError: a parameter makes no sense.
        GoneError: the resource version is too old.
    """
    selects = selection(cls, query.label_selector, query.field_selector, custom=resource.custom)
    wanted = parse_revision(query.resource_version)
    _check_options(query)
    if wanted and store.compact_revision and wanted + 1 < store.compact_revision:
        raise too_old(store.compact_revision, wanted)
    handle = WatchHandle(
        deliver=deliver,
        cls=cls,
        selects=selects,
        translate=translate,
        bookmarks=query.bookmarks,
        view=view_of(resource),
    )
    start, end = span_of(resource, query.namespace, query.field_selector)
    is_initial = query.send_initial_events
    if is_initial is None:
        is_initial = not wanted
    if is_initial:
        _deliver_initial(
            store,
            (start, end),
            handle,
            marks_end=query.bookmarks and bool(query.send_initial_events),
        )
        start_revision = store.revision + 1
    else:
        start_revision = wanted + 1 if wanted else 0
    if handle.is_cancelled:
        return handle
    has_index = cls is Pod and store.index_of is not None
    handle.watcher = store.watch(
        start,
        end,
        deliver=handle.on_batch,
        start_revision=start_revision,
        prev_kv=True,
        progress=query.bookmarks,
        index=equal_to(query.field_selector, "spec.nodeName") if has_index else None,
        name=name,
    )
    return handle


def _check_options(query: WatchQuery) -> None:
    """Refuse what does not go together.

    Raises:
        InvalidError: it does not.
    """
    field, match = "resourceVersionMatch", query.resource_version_match
    if query.send_initial_events is None:
        if match:
            said = f"{field} is forbidden for watch unless sendInitialEvents is provided"
            raise options_refused([forbidden(field, said)])
        return
    causes = []
    if not match:
        said = f"sendInitialEvents requires setting {field} to NotOlderThan"
        causes.append(forbidden(field, said))
    elif match != "NotOlderThan":
        causes.append(unsupported(field, match, ("NotOlderThan",)))
    if causes:
        raise options_refused(causes)


def _deliver_initial(
    store: Store[Any], span: tuple[bytes, bytes | None], handle: WatchHandle, *, marks_end: bool
) -> None:
    found = store.range(*span)
    for kv in found.kvs:
        if handle.is_cancelled:
            return
        obj = kv.value if handle.view is None else handle.view(kv.value)
        if handle.selects is None or handle.selects(obj):
            handle.deliver(WatchEvent("ADDED", obj, kv.mod_revision))
    if marks_end and not handle.is_cancelled:
        handle.deliver(bookmark(handle.cls, found.revision, ends_initial=True))


def bookmark(cls: type[ApiObject], revision: int, *, ends_initial: bool = False) -> WatchEvent:
    """The mark that everything up to *revision* has been delivered."""
    meta = ObjectMeta(resource_version=str(revision))
    if ends_initial:
        meta = attrs.evolve(meta, annotations=_INITIAL_END)
    return WatchEvent("BOOKMARK", cls(metadata=meta), revision)


def too_old(oldest: int, wanted: int = 0) -> GoneError:
    """What a watcher hears whose next revision is compacted."""
    return GoneError(f"too old resource version: {wanted} ({oldest})")
