"""What learners see, in English and Korean: course, lab, player, fault form, time, difference."""

from collections.abc import Iterator
from typing import TypeVar

import attrs
import pytest
from textual.pilot import Pilot

from engine.api.meta import ApiObject
from engine.api.pod import Pod
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.lab import state as states
from engine.lab.course import entries, find_lab, find_scenario
from engine.lab.session import LabSession
from engine.scenario.player import Player
from engine.scenario.view import ClusterView
from tests.tui.fixtures import demo_cluster
from tests.tui.memory_source import MemorySource
from tests.tui.screens.test_snapshots import SnapCompare
from tui.app import KubariumApp
from tui.render.story import story_line

T = TypeVar("T", bound=ApiObject)
LARGE, SMALL = (160, 50), (80, 24)
SHOWN = [
    ("course", "en", LARGE), ("course", "ko", LARGE), ("course", "ko", SMALL),
    ("lab", "en", LARGE), ("lab", "en", SMALL), ("lab", "ko", LARGE), ("lab", "ko", SMALL),
    ("lab-solution", "ko", LARGE),
    ("player", "en", LARGE), ("player", "en", SMALL), ("player", "ko", LARGE),
    ("fault-form", "ko", LARGE), ("fault-form", "ko", SMALL),
    ("time", "en", SMALL), ("time", "ko", LARGE),
    ("difference", "en", LARGE), ("difference", "ko", SMALL),
    ("help", "ko", LARGE),
]  # fmt: skip
KEYS = {
    "course": ["f12", "down", "down"],
    "lab": [],
    "lab-solution": ["S"],
    "player": [],
    "fault-form": ["f11", "f"],
    "time": ["f3", "H"],
    "difference": ["f3", "H", "m", "left", "D"],
    "help": ["question_mark"],
}


@attrs.define
class QuietDesk:
    """A lab that stands as it is: nothing can be asked of it."""

    session: LabSession
    language: str

    def ask(self, words: list[str]) -> str:
        """Nothing happens."""
        return words[0]


class WithPast(MemorySource):
    """A revision ago there was one pod less."""

    async def at(self, cls: type[T], revision: int) -> tuple[T, ...]:
        """As it is, or without the first pod."""
        found = await self.list(cls)
        return found[1:] if cls is Pod and revision < self.revision else found


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A simulated cluster that has come up, and goes in the end."""
    made = Cluster(config=ClusterConfig(nodes=make_nodes(3), seed=7))
    made.start()
    made.run_for(10.0)
    yield made
    made.stop()


def _app(language: str, theme: str = "kubarium-dark") -> KubariumApp:
    app = KubariumApp(WithPast.of(demo_cluster()), language=language, theme=theme)
    app.animation_level = "none"
    return app


def _prepare(app: KubariumApp, screen: str, language: str, cluster: Cluster) -> None:
    client = cluster.client("learner", groups=("system:masters",))
    view = ClusterView(client, lambda _url, _done: None)
    if screen == "course":
        found = [*entries("scenario", language), *entries("lab", language)]
        app.show_course(found, {}, language)
    elif screen.startswith("lab"):
        lab = find_lab("lab-first-deployment", learner="mina", lang=language)
        session = LabSession(lab, client, view, states.fresh(lab, learner="mina", seed=1))
        session.start()
        cluster.run_for(5.0)
        app.show_lab(QuietDesk(session, language))
    elif screen == "player":
        player = Player(find_scenario("self-healing", lang=language), client, view)
        player.start()
        cluster.run_for(3.0)
        app.player = player
        app.session.story = story_line(player)


@pytest.mark.parametrize(
    ("screen", "language", "size"),
    SHOWN,
    ids=lambda part: part if isinstance(part, str) else part[0],
)
def test_screen(
    snap_compare: SnapCompare, cluster: Cluster, screen: str, language: str, size: tuple[int, int]
) -> None:
    """The screen looks as it was approved, in each language."""
    app = _app(language)
    _prepare(app, screen, language, cluster)

    async def run_before(pilot: Pilot[None]) -> None:
        await pilot.pause()
        for key in KEYS[screen]:
            await pilot.press(key)
            await pilot.pause()
        if screen in ("time", "difference"):
            await app.workers.wait_for_complete()
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("theme", ["kubarium-light", "kubarium-contrast", "kubarium-16"])
def test_a_lab_in_other_themes(snap_compare: SnapCompare, cluster: Cluster, theme: str) -> None:
    """Light, high contrast, and sixteen colours: nothing is told by colour alone."""
    app = _app("en", theme)
    _prepare(app, "lab", "en", cluster)

    async def run_before(pilot: Pilot[None]) -> None:
        await pilot.pause(0.2)

    assert snap_compare(app, terminal_size=(160, 50), run_before=run_before)
