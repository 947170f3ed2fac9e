"""The verbs that read: get, list and watch."""

from collections.abc import Callable
from typing import TypeVar, cast

import attrs

from engine.api.meta import ApiObject
from engine.apiserver.component_status import COMPONENT_STATUS, component_statuses
from engine.apiserver.errors import NotFoundError
from engine.apiserver.fields import selection
from engine.apiserver.foundation import Foundation
from engine.apiserver.read import ListQuery, list_objects
from engine.apiserver.request import (
    ObjectList,
    RequestInfo,
    WatchEvent,
)
from engine.apiserver.watch import Translator, WatchHandle, WatchQuery, open_watch

T = TypeVar("T", bound=ApiObject)


@attrs.define(eq=False, repr=False)
class Reading(Foundation):
    """Reads objects: stored ones, and those that are worked out when someone asks.

    Promises:
        * what is returned is what is stored, at its revision.
    """

    _translate: Translator = attrs.field(factory=Translator, init=False)

    def get(
        self,
        cls: type[T],
        name: str,
        *,
        namespace: str = "",
        revision: int = 0,
        request: RequestInfo,
    ) -> T:
        """The object, now or as it was at *revision*.

        Raises:
            NotFoundError: there is none.
            GoneError: *revision* is compacted.
        """
        del request
        resource = self.resource_of(cls)
        if resource.cls is COMPONENT_STATUS:
            return cast("T", self._component(name))
        if resource.cls in self.computed:
            made = self.computed[resource.cls].get(name, namespace)
            if made is None:
                raise NotFoundError.of(resource.plural, name, group=resource.group)
            return cast("T", made)
        found = self.storage.read(resource, namespace, name, revision=revision)
        return cast("T", found)

    def list(
        self,
        cls: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
        resource_version_match: str = "",
        request: RequestInfo,
    ) -> ObjectList[T]:
        """The selected objects in the order of their names; None for all namespaces.

        Raises:
            BadRequestError: a selector or another parameter makes no sense.
            GoneError: the revision or the continue token is too old.
        """
        del request
        query = ListQuery(
            namespace=namespace or "",
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=continue_token,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        resource = self.resource_of(cls)
        if resource.cls is COMPONENT_STATUS:
            items = cast("tuple[T, ...]", component_statuses(self.store.alarm))
            return ObjectList(items=items, revision=self.store.revision)
        if resource.cls in self.computed:
            selects = selection(resource.cls, label_selector, field_selector)
            made = self.computed[resource.cls].list(query.namespace, selects)
            items = cast("tuple[T, ...]", made)
            return ObjectList(items=items, revision=self.store.revision)
        return list_objects(self.storage, resource, cls, query)

    def _component(self, name: str) -> ApiObject:
        for status in component_statuses(self.store.alarm):
            if status.metadata.name == name:
                return status
        raise NotFoundError.of("componentstatuses", name)

    def watch(
        self,
        cls: type[ApiObject],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        bookmarks: bool = False,
        send_initial_events: bool | None = None,
        resource_version_match: str = "",
        deliver: Callable[[WatchEvent], object],
        request: RequestInfo,
    ) -> WatchHandle:
        """Have every later change of the selected objects delivered.

        Without a resource version (or with 0) what there is comes first, as ADDED.

        Raises:
            BadRequestError: a selector makes no sense.
            GoneError: the resource version is compacted; list again.
        """
        query = WatchQuery(
            namespace=namespace or "",
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            bookmarks=bookmarks,
            send_initial_events=send_initial_events,
            resource_version_match=resource_version_match,
        )
        handle = open_watch(
            self.store,
            self.resource_of(cls),
            cls,
            query,
            translate=self._translate,
            deliver=deliver,
            name=request.actor or request.user,
        )
        self._watches[id(handle)] = handle
        handle.on_end = self._forget
        return handle

    def _forget(self, handle: WatchHandle) -> None:
        self._watches.pop(id(handle), None)
