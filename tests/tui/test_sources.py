"""What a source promises, kept by the one in our process and by the one over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.api.core import ConfigMap
from engine.api.frozen import FrozenDict
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import AlreadyExistsError, NotFoundError, UnavailableError
from engine.errors import EngineError
from engine.host import Host
from tests.tui.hosts import standing_host
from tui import operations
from tui.attached import AttachedSource
from tui.embedded import EmbeddedSource
from tui.source import LogOptions, Source

Make = Callable[[Host], Source]
Change = tuple[type[ApiObject], str, ApiObject | None, ApiObject | None]


def embedded(host: Host) -> Source:
    """The source that reads the host's cluster directly."""
    return EmbeddedSource(host)


def attached(host: Host) -> Source:
    """The source that asks the host's API server."""
    return AttachedSource.from_kubeconfig(host.kubeconfig)


both = pytest.mark.parametrize("make", [embedded, attached])


class Follower:
    """Keeps what a source reports, and lets tests wait for it."""

    def __init__(self, host: Host, source: Source) -> None:
        self.host = host
        self.source = source
        self.heard: list[Change] = []
        self.objects: dict[str, ApiObject] = {}
        self._news = asyncio.Event()

    def on_change(
        self, cls: type[ApiObject], key: str, old: ApiObject | None, new: ApiObject | None
    ) -> None:
        """Check that the report continues what was reported before."""
        known = f"{cls.KIND} {key}"
        assert (old is None) == (known not in self.objects)
        self.heard.append((cls, key, old, new))
        if new is None:
            del self.objects[known]
        else:
            self.objects[known] = new
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let a little virtual time pass, then wait until it was reported."""
        self.host.cluster.loop.run_for(0.5)
        while not holds():
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def following(make: Make, tmp_path: Path, *kinds: type[ApiObject]) -> AsyncIterator[Follower]:
    """A source on such a cluster that reports *kinds*."""
    async with asyncio.timeout(30), standing_host(tmp_path) as host:
        source = make(host)
        follower = Follower(host, source)
        try:
            await source.start(follower.on_change)
            for kind in kinds:
                await source.watch(kind)
            yield follower
        finally:
            await source.stop()


def settings(name: str = "c", **data: str) -> ConfigMap:
    """A config map in the namespace default."""
    meta = ObjectMeta(name=name, namespace="default")
    return ConfigMap(metadata=meta, data=FrozenDict(data))


@both
async def test_what_is_there_is_reported(make: Make, tmp_path: Path) -> None:
    """A watch begins with every object of its kind, and the header knows the cluster."""
    async with following(make, tmp_path, Node, Pod) as follower:
        await follower.until(lambda: len(follower.objects) >= 4 + 3)

        assert {key for cls, key, _, _ in follower.heard if cls is Node} == {
            "control-plane", "node-1", "node-2", "node-3",
        }  # fmt: skip
        info = follower.source.info
        assert info.context == "kubarium"
        assert info.version.startswith("v1.34")
        assert info.revision > 0
        assert info.problem == ""


@both
async def test_each_write_is_reported_once(make: Make, tmp_path: Path) -> None:
    """Create, patch and delete arrive as an addition, a change and a removal."""
    async with following(make, tmp_path, ConfigMap) as follower:
        source = follower.source

        def about_c() -> list[tuple[str | None, str | None]]:
            return [
                (_value(old), _value(new))
                for _, key, old, new in follower.heard
                if key == "default/c"
            ]

        await source.create(settings(a="1"))
        await follower.until(lambda: len(about_c()) == 1)
        await source.patch(ConfigMap, "c", {"data": {"a": "2"}}, namespace="default")
        await follower.until(lambda: len(about_c()) == 2)
        assert (await source.get(ConfigMap, "c", "default")).data == {"a": "2"}
        await source.delete(ConfigMap, "c", namespace="default")
        await follower.until(lambda: len(about_c()) == 3)

        assert about_c() == [(None, "1"), ("1", "2"), ("2", None)]


def _value(obj: ApiObject | None) -> str | None:
    return obj.data["a"] if isinstance(obj, ConfigMap) else None


@both
async def test_a_kind_watched_twice_is_reported_once(make: Make, tmp_path: Path) -> None:
    """Two screens that ask for the same kind do not double what is heard."""
    async with following(make, tmp_path, ConfigMap, ConfigMap) as follower:
        await follower.source.create(settings(a="1"))
        await follower.until(lambda: "ConfigMap default/c" in follower.objects)

        assert [key for _, key, _, _ in follower.heard].count("default/c") == 1


@both
async def test_a_replacement_of_an_outdated_object_is_refused(make: Make, tmp_path: Path) -> None:
    """Who edits what another has changed meanwhile is told so, by name."""
    async with following(make, tmp_path) as follower:
        source = follower.source
        read = await source.create(settings(a="1"))
        await source.patch(ConfigMap, "c", {"data": {"a": "2"}}, namespace="default")

        with pytest.raises(EngineError, match='"c"'):
            await source.replace(read)


@both
async def test_errors_name_the_object(make: Make, tmp_path: Path) -> None:
    """A screen shows the message as it is, so it must say what it is about."""
    async with following(make, tmp_path) as follower:
        source = follower.source
        with pytest.raises(NotFoundError, match='"missing" not found'):
            await source.get(Pod, "missing", "default")
        with pytest.raises(NotFoundError, match='"missing" not found'):
            await source.patch(Pod, "missing", {}, namespace="default")
        with pytest.raises(NotFoundError, match='"missing" not found'):
            await source.delete(Pod, "missing", namespace="default")
        with pytest.raises(NotFoundError, match='"missing" not found'):
            await source.evict("missing", namespace="default")

        await source.create(settings())
        with pytest.raises(AlreadyExistsError, match='"c" already exists'):
            await source.create(settings())


@both
async def test_a_log_comes_line_by_line(make: Make, tmp_path: Path) -> None:
    """No line end is left in a line, and the tail is no longer than asked for."""
    async with following(make, tmp_path, Pod) as follower:
        await follower.until(lambda: bool(_demo_pods(follower)))
        options = LogOptions(container="web", follow=False, tail_lines=2)

        lines = await _log(follower.source, _demo_pods(follower)[0], options)

        assert 1 <= len(lines) <= 2
        assert not any("\n" in line for line in lines)


@both
async def test_a_log_that_is_not_there_is_an_error_in_words(make: Make, tmp_path: Path) -> None:
    """No such pod, no such container, no earlier run: each names the object."""
    async with following(make, tmp_path, Pod) as follower:
        await follower.until(lambda: bool(_demo_pods(follower)))
        name = _demo_pods(follower)[0]
        for pod, options, said in (
            ("missing", LogOptions(follow=False), "missing"),
            (name, LogOptions(container="other", follow=False), "other"),
            (name, LogOptions(container="web", follow=False, previous=True), "web"),
        ):
            with pytest.raises(EngineError, match=said):
                await _log(follower.source, pod, options)


@both
async def test_the_log_of_the_run_before_is_kept(make: Make, tmp_path: Path) -> None:
    """After a container was killed, its last words can still be read."""
    async with following(make, tmp_path, Pod) as follower:
        await follower.until(lambda: bool(_demo_pods(follower)))
        name = _demo_pods(follower)[0]
        before = await _log(follower.source, name, LogOptions(container="web", follow=False))
        pod = follower.objects[f"Pod default/{name}"]
        assert isinstance(pod, Pod)
        await operations.kill_containers(follower.source, pod)
        follower.host.cluster.loop.run_for(30.0)

        previous = LogOptions(container="web", follow=False, previous=True)
        assert (await _log(follower.source, name, previous))[: len(before)] == before


@both
async def test_nothing_arrives_after_stop(make: Make, tmp_path: Path) -> None:
    """What happens later is heard by others only."""
    async with following(make, tmp_path, ConfigMap) as follower:
        witness = Follower(follower.host, attached(follower.host))
        try:
            await witness.source.start(witness.on_change)
            await witness.source.watch(ConfigMap)
            await follower.source.stop()
            heard = len(follower.heard)

            await witness.source.create(settings(a="1"))
            await witness.until(lambda: "ConfigMap default/c" in witness.objects)

            assert len(follower.heard) == heard
        finally:
            await witness.source.stop()


async def test_a_server_out_of_reach_is_named(tmp_path: Path) -> None:
    """Nobody listens there: the message says where and why."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: x}}]\n"
        "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:9'}}]\n"
    )
    source = AttachedSource.from_kubeconfig(path)
    try:
        with pytest.raises(UnavailableError, match=r"cannot reach http://127\.0\.0\.1:9"):
            await source.start(lambda *_: None)
    finally:
        await source.stop()


def _demo_pods(follower: Follower) -> list[str]:
    return [
        obj.metadata.name
        for obj in follower.objects.values()
        if isinstance(obj, Pod) and obj.status.phase == "Running"
    ]


async def _log(source: Source, pod: str, options: LogOptions) -> list[str]:
    return [line async for line in source.logs("default", pod, options)]


@both
async def test_the_store_can_be_looked_into(make: Make, tmp_path: Path) -> None:
    """Its size, its newest changes with who and why, who watches and how far behind."""
    async with following(make, tmp_path, Pod) as follower:
        store = follower.host.cluster.store
        before = await follower.source.store(store.revision)
        await follower.source.create(
            ConfigMap(metadata=ObjectMeta(name="new", namespace="default"))
        )

        status = await follower.source.store(before.revision)

        assert before.revisions == ()
        created = status.revisions[0]
        assert created.key == "/registry/core/configmaps/default/new"
        assert (created.verb, created.user) == ("create", "kubernetes-admin")
        assert created.input
        assert sum(group.keys for group in status.groups) > 50
        assert {row.name for row in status.watchers} >= {"scheduler", "kubelet/node-1"}
        assert status.compaction.next_at > status.now
