"""The session's caches and deltas."""

import asyncio

import attrs
from textual.app import App

from engine.api.core import ConfigMap
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from tests.tui.fixtures import demo_cluster, make_pod
from tests.tui.memory_source import MemorySource
from tui.session import TURN, Delta, Session


class Listener(App[None]):
    """Collects deltas."""

    def __init__(self, source: MemorySource) -> None:
        super().__init__()
        self.session = Session(source)
        self.session.bind(self)
        self.heard: list[Delta] = []

    async def on_mount(self) -> None:
        """Listen."""
        await self.session.start()
        self.session.deltas.subscribe(self, self.heard.append)

    async def settle(self) -> None:
        """Let one turn pass."""
        await asyncio.sleep(TURN * 3)


async def test_many_changes_are_one_delta() -> None:
    """A turn is published once, with the first state before and the last state after."""
    source = MemorySource.of(demo_cluster())
    app = Listener(source)
    async with app.run_test() as pilot:
        await pilot.pause()
        before = source.objects[Pod]["default/batch-report"]
        assert isinstance(before, Pod)
        for node in ("node-1", "node-2"):
            source.put(attrs.evolve(before, spec=attrs.evolve(before.spec, node_name=node)))
        source.put(make_pod("new"))
        await app.settle()
        await pilot.pause()

        assert len(app.heard) == 1
        old, new = app.heard[0].of(Pod)["default/batch-report"]
        assert old is before
        assert new is not None
        assert new.spec.node_name == "node-2"
        assert app.session.get(Pod, "default/new") is not None


async def test_nothing_is_published_while_nothing_changes() -> None:
    """The state at the start is no change either."""
    app = Listener(MemorySource.of(demo_cluster()))
    async with app.run_test() as pilot:
        await app.settle()
        await pilot.pause()

        assert app.heard == []
        assert len(app.session.objects(Pod)) == 15


async def test_other_kinds_are_watched_when_asked_for() -> None:
    """A kind nobody shows costs nothing."""
    config = ConfigMap(metadata=ObjectMeta(name="c", namespace="default"), data=FrozenDict())
    app = Listener(MemorySource.of([config]))
    async with app.run_test():
        assert not app.session.objects(ConfigMap)

        await app.session.watch(ConfigMap)

        assert list(app.session.objects(ConfigMap)) == ["default/c"]


async def test_a_namespace_narrows_what_is_selected() -> None:
    """Objects without a namespace are always shown."""
    app = Listener(MemorySource.of(demo_cluster()))
    async with app.run_test():
        app.session.namespace = "kube-system"

        assert app.session.selected(Pod) == []
