"""A source in our own process: the cluster that this program runs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs

from engine.api.meta import ApiObject
from engine.apiserver.schema.definitions import VERSION
from engine.client.client import Client
from engine.client.informer import InformerFactory
from engine.cri import runtime as cri
from engine.faults.injector import END_ALL
from engine.host import Host
from engine.store.status import StoreStatus
from tui.recording import Recording
from tui.source import ClusterInfo, LogOptions, OnChange

T = TypeVar("T", bound=ApiObject)

CHANNEL = "tui"


@attrs.define(eq=False, repr=False)
class EmbeddedSource:
    """A client and caches of our own, over a link of our own; writes enter through the journal."""

    host: Host
    client: Client = attrs.field(init=False)
    informers: InformerFactory = attrs.field(init=False)
    recording: Recording | None = attrs.field(default=None, init=False)
    _on_change: OnChange | None = attrs.field(default=None, init=False)
    _watched: set[type[ApiObject]] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        cluster = self.host.cluster
        self.client = cluster.client("tui", user="kubernetes-admin", groups=("system:masters",))
        self.informers = InformerFactory(self.client)
        cluster.journal.register(CHANNEL, self._enter)

    @property
    def info(self) -> ClusterInfo:
        """The cluster as it is at this moment."""
        host = self.host
        return ClusterInfo(
            context=host.cluster.config.name,
            version=VERSION,
            runtime="podman" if host.is_real else "simulated",
            revision=host.cluster.store.revision,
            now=host.cluster.loop.now,
            speed=host.pacer.speed,
            is_paused=host.pacer.is_paused,
            is_recording=self.recording is not None,
            problem=self._problem,
        )

    @property
    def _problem(self) -> str:
        pacer = self.host.pacer
        if self.host.cluster.store.alarm is not None:
            return "the store is read-only"
        return "behind its time" if pacer.lag > 2.0 * max(1.0, pacer.speed) else ""

    @property
    def controls(self) -> "EmbeddedControls":
        """The pacer: pause and speed; the way out of faults; the recorder."""
        return EmbeddedControls(self)

    async def start(self, on_change: OnChange) -> None:
        """Report to *on_change*."""
        self._on_change = on_change
        self.informers.start()

    async def panic(self) -> bool:
        """Undo all faults by the engine's own door."""
        self.controls.end_faults()
        return True

    async def stop(self) -> None:
        """Report nothing more."""
        self._on_change = None
        self.informers.stop()

    async def watch(self, cls: type[ApiObject]) -> None:
        """Report a kind too. Twice is once."""
        if cls not in self._watched:
            self._watched.add(cls)
            self.host.cluster.journal.call(CHANNEL, ("watch", (cls,), {}))

    async def get(self, cls: type[T], name: str, namespace: str) -> T:
        """The object as it is now."""
        return self.client.get(cls, name, namespace=namespace)

    async def list(self, cls: type[T]) -> tuple[T, ...]:
        """All objects of a kind that is not watched."""
        return self.client.list(cls).items

    async def at(self, cls: type[T], revision: int) -> tuple[T, ...]:
        """All objects of a kind as they were at *revision*, from the store's history."""
        found = self.host.cluster.server.list(
            cls,
            resource_version=str(revision),
            resource_version_match="Exact",
            request=self.client.request_info(),
        )
        return found.items

    async def create(self, obj: T) -> T:
        """Store a new object."""
        return cast("T", self._call("create", obj))

    async def replace(self, obj: T) -> T:
        """Replace an object that was read at its resourceVersion."""
        return cast("T", self._call("update", obj))

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
        """Change parts of an object."""
        answer = self._call(
            "patch", cls, name, data, namespace=namespace, type=type, subresource=subresource
        )
        return cast("T", answer)

    async def delete(
        self,
        cls: type[ApiObject],
        name: str,
        *,
        namespace: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Delete an object, or begin to."""
        self._call(
            "delete", cls, name, namespace=namespace, grace_period_seconds=grace_period_seconds
        )

    async def evict(self, name: str, *, namespace: str) -> None:
        """Delete a pod if its disruption budgets allow."""
        self._call("evict", name, namespace=namespace)

    async def store(self, since: int) -> StoreStatus:
        """What the store looks like, with its changes after the revision *since*."""
        return self.host.cluster.observer.status(since=since)

    async def logs(self, namespace: str, pod: str, options: LogOptions) -> AsyncIterator[str]:
        """The lines of a container's log."""
        wanted = cri.LogOptions(
            follow=options.follow, tail=options.tail_lines, timestamps=options.timestamps
        )
        rest = b""
        chunks = self.host.logs(
            namespace, pod, options.container, wanted, previous=options.previous
        )
        async for chunk in chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")

    def _call(self, verb: str, *arguments: Any, **options: Any) -> Any:
        return self.host.cluster.journal.call(CHANNEL, (verb, arguments, options))

    def _enter(self, call: tuple[str, tuple[Any, ...], dict[str, Any]]) -> Any:
        verb, arguments, options = call
        if verb == "watch":
            (cls,) = arguments
            self.informers.informer(cls).add_handler(
                lambda key, old, new: self._tell(cls, key, old, new)
            )
            return None
        return getattr(self.client, verb)(*arguments, **options)

    def _tell(
        self, cls: type[ApiObject], key: str, old: ApiObject | None, new: ApiObject | None
    ) -> None:
        if self._on_change is not None:
            self._on_change(cls, key, old, new)


@attrs.frozen(repr=False)
class EmbeddedControls:
    """The cluster's time and its journal, which are ours."""

    source: EmbeddedSource

    @property
    def host(self) -> Host:
        """Who runs the cluster."""
        return self.source.host

    def set_speed(self, speed: float) -> None:
        """Let the cluster's time run *speed* times as fast as ours."""
        self.host.pacer.set_speed(speed)

    def pause(self) -> None:
        """Stop the cluster's time."""
        self.host.pacer.pause()

    def resume(self) -> None:
        """Let the cluster's time run on."""
        self.host.pacer.resume()

    def end_faults(self) -> None:
        """Undo every fault that is in force, by the engine's own door."""
        self.host.cluster.journal.call(END_ALL, "panic key")

    @property
    def is_recording(self) -> bool:
        """Whether what people do is being recorded."""
        return self.source.recording is not None

    def record(self, file: Path) -> None:
        """Record what people do from now on, beginning with what they have made so far."""
        recording = Recording(self.host, file)
        recording.begin(has_before=True)
        self.source.recording = recording

    def stop_recording(self) -> str:
        """Write what was recorded."""
        recording, self.source.recording = self.source.recording, None
        return "" if recording is None else recording.stop()
