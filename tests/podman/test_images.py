"""Images from a registry of our own, with Podman: logins, refusals, progress, removal."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_asyncio

from engine.adapters.podman.host import PodmanHost
from engine.adapters.podman.preflight import Preflight
from engine.api.frozen import FrozenDict
from engine.cri import commands as cri
from engine.cri import events
from tests.podman.driver import Driver
from tests.podman.registry import PASSWORD, USER, Registry, digest

pytestmark = [pytest.mark.podman, pytest.mark.asyncio(loop_scope="module")]

LOGIN = FrozenDict({"username": USER, "password": PASSWORD})
WRONG = FrozenDict({"username": USER, "password": "wrong"})


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def host(
    preflight: Preflight, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PodmanHost]:
    """A started host."""
    state: Path = tmp_path_factory.mktemp("podman")
    host = PodmanHost(instance=f"kubarium-{state.name}", state=state, preflight=preflight)
    await host.start()
    assert host.images_ready is not None
    await host.images_ready
    yield host
    await host.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def registry(request: pytest.FixtureRequest) -> AsyncIterator[Registry]:
    """A registry; the parameter is how one logs in.

    Its layers are new in each run: one that another run left in the store would not be pulled.
    """
    login = getattr(request, "param", "")
    registry = Registry(login, salt=f"{request.node.name} {uuid.uuid4()}")
    await registry.start()
    yield registry
    await registry.stop()


async def pull(
    node: Driver, image: str, **settings: Any
) -> tuple[events.ImagePulled | events.ImagePullFailed, list[events.PullProgress]]:
    """The answer to a pull, and the progress told before it."""
    command = cri.PullImage(pod=node.pod(), image=image)
    node.runtime.submit(attrs.evolve(command, **settings))
    told = []
    while True:
        event = await node.event()
        if isinstance(event, events.PullProgress):
            told.append(event)
        if isinstance(event, events.ImagePulled | events.ImagePullFailed):
            return event, told


async def test_an_image_is_fetched_once_and_named_by_its_digest(
    node: Driver, registry: Registry
) -> None:
    """What is there is not asked for again, unless it always is; a digest names it as well."""
    image = registry.image("open")

    first, _ = await pull(node, image)
    asked = len(registry.seen)
    second, _ = await pull(node, image)
    assert len(registry.seen) == asked
    third, _ = await pull(node, image, only_if_absent=False)
    assert len(registry.seen) > asked
    fourth, _ = await pull(node, f"{registry.host}/open/app@{digest(registry.manifest)}")

    for event in (first, second, third, fourth):
        assert isinstance(event, events.ImagePulled)
        assert event.image_id == getattr(first, "image_id", "")
    assert isinstance(second, events.ImagePulled)
    assert second.was_present
    assert any(image in known.names for known in node.runtime.list_images())


@pytest.mark.parametrize("registry", ["basic", "bearer"], indirect=True)
async def test_logins_are_tried_in_turn(node: Driver, registry: Registry) -> None:
    """Without a login, or with a wrong one, the registry refuses; with the right one it gives."""
    image = registry.image("open")

    for auths in ((), (WRONG,)):
        refused, _ = await pull(node, image, auths=auths)
        assert isinstance(refused, events.ImagePullFailed)
        assert "unauthorized" in refused.message
    given, _ = await pull(node, image, auths=(WRONG, LOGIN))

    assert isinstance(given, events.ImagePulled)


@pytest.mark.parametrize(
    ("kind", "tag", "words"),
    [
        ("open", "v9", "manifest unknown"),
        ("nobody", "v1", "name unknown"),
        ("broken", "v1", "500 Internal Server Error"),
        ("cut", "v1", "unexpected EOF"),
    ],
)
async def test_refusals_have_the_words_of_the_registry(
    node: Driver, registry: Registry, kind: str, tag: str, words: str
) -> None:
    """A user reads what the registry said."""
    failed, _ = await pull(node, registry.image(kind, tag))

    assert isinstance(failed, events.ImagePullFailed)
    assert failed.reason == "ErrImagePull"
    assert words in failed.message


async def test_progress_is_told_and_pulls_wait_for_their_turn(
    node: Driver, registry: Registry
) -> None:
    """A slow pull says how far it is; with one at a time the next one waits for it."""
    slow, fast = registry.image("slow"), registry.image("open", "v2")
    pods = [node.pod(), node.pod()]

    node.runtime.submit(cri.PullImage(pod=pods[0], image=slow, at_once=1))
    seen: list[events.RuntimeEvent] = [await node.expect(events.PullProgress)]
    node.runtime.submit(cri.PullImage(pod=pods[1], image=fast, at_once=1))
    while len([event for event in seen if isinstance(event, events.ImagePulled)]) < 2:
        seen.append(await node.event())
        if isinstance(seen[-1], events.PullProgress) and 0 < seen[-1].done < seen[-1].total:
            registry.released.set()

    told = [event for event in seen if isinstance(event, events.PullProgress)]
    assert (told[0].done, told[0].total) == (0, 0)
    assert registry.released.is_set()
    pulled = [event for event in seen if isinstance(event, events.ImagePulled)]
    assert [event.image for event in pulled] == [slow, fast]
    assert pulled[1].waited > pulled[0].waited


async def test_a_removed_image_is_gone_and_ours_stay(node: Driver, registry: Registry) -> None:
    """What is removed is told with the rest of the images."""
    image = registry.image("open")
    await pull(node, image)

    def is_listed() -> bool:
        return any(image in known.names for known in node.runtime.list_images())

    while not is_listed():  # noqa: ASYNC110 - the list is told beside other events
        await asyncio.sleep(0.02)

    node.runtime.submit(cri.RemoveImage(image=image))
    while is_listed():  # noqa: ASYNC110
        await asyncio.sleep(0.02)

    assert any(known.is_pinned for known in node.runtime.list_images())
