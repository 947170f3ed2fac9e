"""A source over objects in memory: the whole contract, without a cluster behind it."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs

from engine.api.codec import decode, encode_thawed
from engine.api.meta import ApiObject
from engine.apiserver.errors import AlreadyExistsError, NotFoundError
from engine.store.status import StoreStatus
from tests.tui.fixtures import NOW
from tests.tui.store_fixture import STORE
from tui.source import ClusterInfo, LogOptions, OnChange

T = TypeVar("T", bound=ApiObject)


@attrs.define(eq=False)
class MemoryControls:
    """Notes which levers were pulled."""

    pulled: list[tuple[object, ...]] = attrs.field(factory=list)

    def set_speed(self, speed: float) -> None:
        """Note it."""
        self.pulled.append(("set_speed", speed))

    def pause(self) -> None:
        """Note it."""
        self.pulled.append(("pause",))

    def resume(self) -> None:
        """Note it."""
        self.pulled.append(("resume",))

    def end_faults(self) -> None:
        """Note it."""
        self.pulled.append(("end faults",))

    @property
    def is_recording(self) -> bool:
        """Whether the last lever of the recorder was its start."""
        return [name for name, *_ in self.pulled if "record" in str(name)][-1:] == ["record"]

    def record(self, file: Path) -> None:
        """Note it."""
        self.pulled.append(("record", file.name))

    def stop_recording(self) -> str:
        """Note it."""
        self.pulled.append(("stop recording",))
        return "recorded 0 steps"


@attrs.define(eq=False)
class MemorySource:
    """Objects by kind and key; writes change them at once and are reported."""

    objects: dict[type[ApiObject], dict[str, ApiObject]]
    controls: MemoryControls | None = attrs.field(factory=MemoryControls)
    revision: int = 1042
    log_lines: tuple[str, ...] = ()
    _watched: set[type[ApiObject]] = attrs.field(factory=set)
    _on_change: OnChange | None = None

    @classmethod
    def of(cls, objects: Iterable[ApiObject], **more: Any) -> "MemorySource":
        """A source that holds *objects*."""
        by_kind: dict[type[ApiObject], dict[str, ApiObject]] = {}
        for obj in objects:
            by_kind.setdefault(type(obj), {})[obj.key] = obj
        return cls(by_kind, **more)

    @property
    def info(self) -> ClusterInfo:
        """Always the same moment."""
        return ClusterInfo(
            context="kubarium", version="v1.34.0", runtime="podman", revision=self.revision, now=NOW
        )

    async def start(self, on_change: OnChange) -> None:
        """Report to *on_change*."""
        self._on_change = on_change

    async def panic(self) -> bool:
        """There is no process to tell."""
        return False

    async def stop(self) -> None:
        """Report nothing more."""
        self._on_change = None

    async def watch(self, cls: type[ApiObject]) -> None:
        """Report what is there."""
        if cls not in self._watched:
            self._watched.add(cls)
            for key, obj in self.objects.get(cls, {}).items():
                self._tell(cls, key, None, obj)

    async def get(self, cls: type[T], name: str, namespace: str) -> T:
        """The object, or NotFoundError."""
        key = f"{namespace}/{name}" if namespace else name
        found = self.objects.get(cls, {}).get(key)
        if found is None:
            raise NotFoundError.of(cls.KIND.lower() + "s", name)
        return cast("T", found)

    async def list(self, cls: type[T]) -> tuple[T, ...]:
        """All objects of a kind."""
        return tuple(cast("T", obj) for obj in self.objects.get(cls, {}).values())

    async def create(self, obj: T) -> T:
        """Store it."""
        if obj.key in self.objects.get(type(obj), {}):
            raise AlreadyExistsError.of(obj.KIND.lower() + "s", obj.metadata.name)
        self.put(obj)
        return obj

    async def replace(self, obj: T) -> T:
        """Store it."""
        self.put(obj)
        return obj

    async def patch(
        self,
        cls: type[T],
        name: str,
        data: Any,
        *,
        namespace: str = "",
        type: str = "merge",  # noqa: A002 - the field's word
        subresource: str = "",
    ) -> T:
        """Merge *data* into the object (strategic lists merge by name)."""
        old = await self.get(cls, name, namespace)
        wire = encode_thawed(old)
        if type == "json":
            for step in data:
                *path, last = step["path"].strip("/").split("/")
                target = wire
                for part in path:
                    target = target[part]
                target[last] = step["value"]
            data = {}
        new = cast("T", decode(_merge(wire, data)))
        self.put(new)
        return new

    async def delete(
        self,
        cls: type[ApiObject],
        name: str,
        *,
        namespace: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Remove it at once."""
        old = await self.get(cls, name, namespace)
        del self.objects[cls][old.key]
        self._tell(cls, old.key, old, None)

    async def evict(self, name: str, *, namespace: str) -> None:
        """Remove the pod at once."""
        from engine.api.pod import Pod

        await self.delete(Pod, name, namespace=namespace)

    async def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[str]:
        """The same lines for every pod."""
        for line in self.log_lines:
            yield line

    async def at(self, cls: type[T], revision: int) -> tuple[T, ...]:
        """It has no past: always as it is."""
        del revision
        return await self.list(cls)

    async def store(self, since: int) -> StoreStatus:
        """Always the same store."""
        rows = tuple(row for row in STORE.revisions if row.revision > since)
        return attrs.evolve(STORE, revisions=rows)

    def put(self, obj: ApiObject) -> None:
        """Change or add an object, and report it."""
        self.revision += 1
        obj = attrs.evolve(
            obj, metadata=attrs.evolve(obj.metadata, resource_version=str(self.revision))
        )
        kind = self.objects.setdefault(type(obj), {})
        old = kind.get(obj.key)
        kind[obj.key] = obj
        self._tell(type(obj), obj.key, old, obj)

    def remove(self, obj: ApiObject) -> None:
        """Take an object away, and report it."""
        del self.objects[type(obj)][obj.key]
        self._tell(type(obj), obj.key, obj, None)

    def _tell(
        self, cls: type[ApiObject], key: str, old: ApiObject | None, new: ApiObject | None
    ) -> None:
        if self._on_change is not None and cls in self._watched:
            self._on_change(cls, key, old, new)


def _merge(target: Any, patch: Any) -> Any:
    if isinstance(patch, dict):
        base = dict(target) if isinstance(target, dict) else {}
        for key, value in patch.items():
            if value is None:
                base.pop(key, None)
            else:
                base[key] = _merge(base.get(key), value)
        return base
    if isinstance(patch, list) and isinstance(target, list) and all("name" in p for p in patch):
        given = {item["name"]: item for item in patch}
        merged = [_merge(item, given.pop(item["name"], {})) for item in target]
        return [*merged, *given.values()]
    return patch
