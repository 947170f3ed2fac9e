"""The app from the keyboard: ways around, actions, and errors in words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.api.apps import Deployment
from engine.api.kubarium import Fault
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from engine.apiserver.errors import ForbiddenError
from tests.tui.fixtures import demo_cluster
from tests.tui.memory_source import MemorySource
from tui.app import KubariumApp
from tui.screens.detail import DetailScreen
from tui.screens.dialogs import Ask, Confirm
from tui.screens.help import HelpScreen
from tui.screens.resources import ResourcesScreen
from tui.widgets.command_line import CommandLine


@asynccontextmanager
async def opened(
    source: MemorySource | None = None, **options: Any
) -> AsyncIterator[tuple[KubariumApp, Pilot[None], MemorySource]]:
    """The app on the small cluster."""
    source = source or MemorySource.of(demo_cluster())
    app = KubariumApp(source, **options)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.pause()
        yield app, pilot, source


async def _type(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*("space" if letter == " " else letter for letter in text))
    await pilot.press("enter")
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize(
    ("command", "kind", "shown"),
    [("deploy", "Deployment", 3), ("no", "Node", 4), ("po", "Pod", 15), ("pods", "Pod", 15)],
)
async def test_a_command_goes_to_a_kind(command: str, kind: str, shown: int) -> None:
    """Plural, singular, short name: what kubectl takes."""
    async with opened() as (app, pilot, _):
        await pilot.press("colon")
        await _type(pilot, command)

        screen = app.screen
        assert isinstance(screen, ResourcesScreen)
        assert screen.resource.kind == kind
        assert len(screen.rows) == shown


async def test_an_unknown_kind_is_a_message() -> None:
    """Nothing happens but words."""
    async with opened() as (app, pilot, _):
        await pilot.press("colon")
        await _type(pilot, "nonsense")

        assert "nonsense" in next(iter(app._notifications)).message


async def test_a_filter_is_typed_and_dropped() -> None:
    """It narrows while it is typed; escape shows all again."""
    async with opened() as (app, pilot, _):
        await pilot.press("f3", "slash")
        await _type(pilot, "crash")
        screen = app.screen
        assert isinstance(screen, ResourcesScreen)
        assert len(screen.rows) == 1

        await pilot.press("escape")

        assert len(screen.rows) == 15


async def test_typing_never_triggers_actions() -> None:
    """Letters belong to the command line while it is open."""
    async with opened() as (app, pilot, _):
        await pilot.press("f3", "slash", "d", "y", "s")

        assert isinstance(app.screen, ResourcesScreen)
        assert app.screen.query_one(CommandLine).is_open


async def test_describe_and_back() -> None:
    """D opens, y turns the page, escape goes back."""
    async with opened() as (app, pilot, _):
        await pilot.press("f3", "d")
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("y")
        assert isinstance(app.screen, DetailScreen)

        await pilot.press("escape")

        assert isinstance(app.screen, ResourcesScreen)


async def test_enter_goes_from_a_deployment_to_its_pods() -> None:
    """The pods of its selector, and [ leads back."""
    async with opened() as (app, pilot, _):
        await pilot.press("f4", "down", "down", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, ResourcesScreen)
        assert {obj.metadata.labels["app"] for obj in screen.rows._rows._objects.values()} == {
            "web"
        }

        await pilot.press("left_square_bracket")

        assert app.current_mode == "rollouts"


async def test_scaling_by_keys() -> None:
    """s, a number, enter."""
    async with opened() as (app, pilot, source):
        await pilot.press("f4", "down", "down", "s")
        await pilot.pause()
        assert isinstance(app.screen, Ask)
        await pilot.press("backspace")
        await _type(pilot, "8")

        found = source.objects[Deployment]["default/web"]
        assert isinstance(found, Deployment)
        assert found.spec.replicas == 8


async def test_rolling_out_and_back_by_keys() -> None:
    """I proposes the next version; u asks and goes back."""
    async with opened() as (app, pilot, source):
        await pilot.press("f4", "down", "down", "i")
        await pilot.pause()
        await _type(pilot, "")
        found = source.objects[Deployment]["default/web"]
        assert isinstance(found, Deployment)
        assert found.spec.template.spec.containers[0].image.endswith(":v3")

        await pilot.press("u")
        await pilot.pause()
        assert isinstance(app.screen, Confirm)
        await pilot.press("y")
        await app.workers.wait_for_complete()

        found = source.objects[Deployment]["default/web"]
        assert isinstance(found, Deployment)
        assert found.spec.template.spec.containers[0].image.endswith(":v1")


async def test_deleting_asks_first() -> None:
    """No means no; yes means yes."""
    async with opened() as (app, pilot, source):
        await pilot.press("f3", "ctrl+d")
        await pilot.pause()
        await pilot.press("n")
        await app.workers.wait_for_complete()
        assert len(source.objects[Pod]) == 15

        await pilot.press("ctrl+d")
        await pilot.pause()
        await pilot.press("y")
        await app.workers.wait_for_complete()

        assert len(source.objects[Pod]) == 14


async def test_a_node_is_crashed_and_restored_from_the_overview() -> None:
    """X asks, makes a Fault, and x again takes it away."""
    async with opened() as (app, pilot, source):
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("y")
        await app.workers.wait_for_complete()
        await pilot.pause(0.1)
        assert list(source.objects[Fault]) == ["crash-control-plane"]

        await pilot.press("x")
        await app.workers.wait_for_complete()

        assert not source.objects[Fault]


async def test_cordon_and_uncordon() -> None:
    """C turns it on and off."""
    async with opened() as (app, pilot, source):
        for wanted in (True, False):
            await pilot.press("c")
            await app.workers.wait_for_complete()
            await pilot.pause(0.1)
            found = source.objects[Node]["control-plane"]
            assert isinstance(found, Node)
            assert found.spec.unschedulable is wanted


async def test_readonly_refuses_changes() -> None:
    """No key changes anything; looking is allowed."""
    async with opened(is_readonly=True) as (app, pilot, source):
        await pilot.press("f3", "ctrl+d", "ctrl+k", "x")
        await pilot.pause()

        assert isinstance(app.screen, ResourcesScreen)
        assert len(source.objects[Pod]) == 15
        await pilot.press("d")
        assert isinstance(app.screen, DetailScreen)


class Refusing(MemorySource):
    """Lets nobody delete."""

    async def delete(
        self,
        cls: type[ApiObject],
        name: str,
        *,
        namespace: str = "",
        grace_period_seconds: int | None = None,
    ) -> None:
        """Refuse."""
        raise ForbiddenError(f'pods "{name}" is forbidden: quota')


async def test_a_refusal_is_shown_in_words() -> None:
    """What failed, on which object, and why; the app goes on."""
    async with opened(Refusing.of(demo_cluster())) as (app, pilot, _):
        await pilot.press("f3", "ctrl+k")
        await app.workers.wait_for_complete()
        await pilot.pause()

        said = next(iter(app._notifications))
        assert said.title == "Could not kill pod/api-66c9d5b8fd-b8x4k"
        assert "is forbidden: quota" in said.message


async def test_numbers_choose_a_namespace() -> None:
    """1 is default, 2 the next by name, 0 all."""
    async with opened() as (app, pilot, _):
        await pilot.press("f3")
        screen = app.screen
        assert isinstance(screen, ResourcesScreen)
        for key, shown in (("2", 0), ("1", 15), ("0", 15)):
            await pilot.press(key)
            await pilot.pause()
            assert len(screen.rows) == shown


async def test_help_shows_the_keys_that_apply() -> None:
    """? opens, escape closes."""
    async with opened() as (app, pilot, _):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)

        await pilot.press("escape")

        assert not isinstance(app.screen, HelpScreen)


async def test_keys_can_be_remapped() -> None:
    """Every binding has an id."""
    async with opened(keys={"describe": "f9"}) as (app, pilot, _):
        await pilot.press("f3", "d")
        assert isinstance(app.screen, ResourcesScreen)

        await pilot.press("f9")

        assert isinstance(app.screen, DetailScreen)


async def test_the_deleted_object_is_called_deleted() -> None:
    """A page about something that is gone stays, and says so."""
    async with opened() as (app, pilot, source):
        await pilot.press("f3", "d")
        screen = app.screen
        assert isinstance(screen, DetailScreen)
        source.remove(screen.chosen[0])
        await pilot.pause(0.15)

        assert screen.chosen == []


async def test_time_is_stopped_and_hurried_by_keys() -> None:
    """P, and > for faster."""
    async with opened() as (app, pilot, source):
        await pilot.press("P", "greater_than_sign")
        await app.workers.wait_for_complete()

        assert source.controls is not None
        assert source.controls.pulled == [("pause",), ("set_speed", 2.0)]


async def test_a_session_is_recorded_from_one_press_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first press asks for the file, the header says so, the second press writes it."""
    monkeypatch.chdir(tmp_path)
    async with opened() as (app, pilot, source):
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, Ask)
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("ctrl+r")
        await pilot.app.workers.wait_for_complete()

    assert source.controls is not None
    assert source.controls.pulled == [("record", "session-1.toml"), ("stop recording",)]


async def test_a_recording_is_saved_when_the_app_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody loses a session by leaving."""
    monkeypatch.chdir(tmp_path)
    async with opened() as (_, pilot, source):
        await pilot.press("ctrl+r")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("ctrl+q")

    assert source.controls is not None
    assert source.controls.pulled[-1] == ("stop recording",)
