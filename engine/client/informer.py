"""Informers: a shared cache per kind, and handlers that hear of its changes.

What a cache promises: per object, a subsequence of the states it went through, in order, ending
in the latest once the link is quiet. It promises nothing about the order between objects.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import attrs

from engine.api.meta import ApiObject
from engine.client.client import Client
from engine.client.indexer import Indexer, IndexFunction
from engine.client.lister import NAMESPACE_INDEX, Lister
from engine.client.reflector import Reflector

T = TypeVar("T", bound=ApiObject)

Handler = Callable[[str, T | None, T | None], None]
"""Called with (key, old, new); old is None for an addition, new is None for a removal."""


@attrs.define(eq=False, repr=False)
class Informer(Generic[T]):
    """The cache of one kind (and selection), kept current by a reflector.

    Handlers run in the order they were added, after the cache has changed, and only enqueue.
    """

    client: Client
    cls: type[T]
    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""
    indexer: Indexer[T] = attrs.field(factory=Indexer, init=False)
    _handlers: list[Handler[T]] = attrs.field(factory=list, init=False)
    _reflector: Reflector[T] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.indexer.add_index(NAMESPACE_INDEX, lambda obj: (obj.metadata.namespace,))
        self._reflector = Reflector(
            client=self.client,
            cls=self.cls,
            replace=self._replace,
            apply=self._apply,
            namespace=self.namespace,
            label_selector=self.label_selector,
            field_selector=self.field_selector,
        )

    @property
    def has_synced(self) -> bool:
        """Whether the cache has held the complete state once."""
        return self._reflector.has_listed

    @property
    def revision(self) -> int:
        """The store revision the cache has reached."""
        return self._reflector.revision

    @property
    def lister(self) -> Lister[T]:
        """Read access to the cache."""
        return Lister(self.indexer)

    def add_handler(self, handler: Handler[T]) -> None:
        """Tell *handler* of every change from now on, and of what is there already."""
        self._handlers.append(handler)
        for obj in self.indexer:
            handler(obj.key, None, obj)

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Keep an index; the same name twice keeps the first."""
        if not self.indexer.has_index(name):
            self.indexer.add_index(name, function)

    def start(self) -> None:
        """Fill the cache and keep it current. Starting twice is once."""
        self._reflector.start()

    def stop(self) -> None:
        """Leave the cache as it is."""
        self._reflector.stop()

    def _replace(self, items: tuple[T, ...], _revision: int) -> None:
        present = {obj.key for obj in items}
        for key in self.indexer.keys():  # noqa: SIM118 - a copy; we change it
            if key not in present:
                old = self.indexer.remove(key)
                self._tell(key, old, None)
        for obj in items:
            old = self.indexer.get(obj.key)
            if old is not None and old.metadata.uid != obj.metadata.uid:
                self.indexer.remove(obj.key)
                self._tell(obj.key, old, None)
                old = None
            if old is None or old.revision != obj.revision:
                self.indexer.put(obj)
                self._tell(obj.key, old, obj)

    def _apply(self, type_: str, obj: T, _revision: int) -> None:
        key = obj.key
        if type_ == "DELETED":
            old = self.indexer.remove(key)
            if old is not None:
                self._tell(key, obj, None)
            return
        old = self.indexer.get(key)
        if old is not None and old.revision >= obj.revision:
            return
        self.indexer.put(obj)
        self._tell(key, old, obj)

    def _tell(self, key: str, old: T | None, new: T | None) -> None:
        for handler in tuple(self._handlers):
            handler(key, old, new)


@attrs.define(eq=False, repr=False)
class InformerFactory:
    """One informer per kind and selection, shared by all who use this factory (and its link)."""

    client: Client
    _informers: dict[tuple[object, ...], Informer[Any]] = attrs.field(factory=dict, init=False)
    _is_started: bool = attrs.field(default=False, init=False)

    def informer(
        self,
        cls: type[T],
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Informer[T]:
        """The informer for that kind and selection; made on first use, started with the factory."""
        wanted = (cls, namespace, label_selector, field_selector)
        found = self._informers.get(wanted)
        if found is None:
            found = self._informers[wanted] = Informer(
                client=self.client,
                cls=cls,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
            )
            if self._is_started:
                found.start()
        return cast("Informer[T]", found)

    def release(self, cls: type[ApiObject]) -> None:
        """Stop all informers of a kind that is served no longer, and forget them."""
        for wanted in [key for key in self._informers if key[0] is cls]:
            self._informers.pop(wanted).stop()

    def start(self) -> None:
        """Start all informers, and those made later."""
        self._is_started = True
        for informer in tuple(self._informers.values()):
            informer.start()

    def stop(self) -> None:
        """Stop all informers."""
        self._is_started = False
        for informer in self._informers.values():
            informer.stop()

    @property
    def has_synced(self) -> bool:
        """Whether every cache has held the complete state once."""
        return all(informer.has_synced for informer in self._informers.values())
