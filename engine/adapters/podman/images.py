"""Having images here: by the name a manifest gives, from Podman's store or its registry."""

import asyncio
import base64
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import attrs

from engine.adapters.podman.client import PodmanClient, PodmanError
from engine.adapters.podman.signals import signal_name
from engine.cri.commands import PodIdentity, PullImage
from engine.cri.events import ImagePulled, ImagePullFailed, PullProgress
from engine.cri.image_name import fault_of, full_name
from engine.cri.status import NodeImage

OURS = "localhost/kubarium/"
INFRA = "localhost/podman-pause"  # Podman makes it when the first pod needs it
PROGRESS_SECONDS = 1.0
FRESH_SECONDS = 1.0

Report = Callable[[PullProgress], None]


@attrs.define(eq=False)
class PullQueue:
    """Lets pulls of one node begin in the order they came, so many at once."""

    _running: int = attrs.field(default=0, init=False)
    _waiting: deque[asyncio.Future[None]] = attrs.field(factory=deque, init=False)

    @asynccontextmanager
    async def turn(self, at_once: int) -> AsyncIterator[float]:
        """Wait for a turn; the seconds waited. With *at_once* 0 there is nothing to wait for."""
        begun = time.monotonic()
        while at_once and self._running >= at_once:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            finally:
                if future in self._waiting:
                    self._waiting.remove(future)
        self._running += 1
        try:
            yield time.monotonic() - begun
        finally:
            self._running -= 1
            if self._waiting:
                self._waiting.popleft().set_result(None)


@attrs.define(eq=False)
class ImagePulls:
    """Pulls of all nodes of a cluster, which share one store: the same image comes once at a time.

    Who asks for an image that is on its way waits for it, and gets the same answer. Many pods that
    start together look for their image once.
    """

    client: PodmanClient
    _coming: dict[tuple[object, ...], "Pull"] = attrs.field(factory=dict, init=False)
    _seen: dict[str, tuple[float, "Found"]] = attrs.field(factory=dict, init=False)
    _stop_signals: dict[str, str] = attrs.field(factory=dict, init=False)

    async def ensure(
        self, command: PullImage, queue: PullQueue, report: Report
    ) -> ImagePulled | ImagePullFailed:
        """Make sure the image of *command* is in the store; the event to report.

        An image under ``localhost/`` has no registry: if it is here, that is as fresh as it gets.

        Raises:
            PodmanGone: Podman does not answer.
        """
        image = command.image
        fault = fault_of(image)
        if fault:
            return _failed(command, "InvalidImageName", fault)
        present = await self._find(image)
        is_local = full_name(image).startswith("localhost/")
        if present is not None and (command.only_if_absent or command.never_pull or is_local):
            return _pulled(command, present, was_present=True)
        if command.never_pull:
            message = f'Container image "{image}" is not present with pull policy of Never'
            return _failed(command, "ErrImageNeverPull", message)
        if is_local:
            message = f"{full_name(image)}: not found (localhost has no registry)"
            return _failed(command, "ErrImagePull", message)
        report(PullProgress(pod=command.pod, image=image, done=0, total=0))
        async with queue.turn(command.at_once) as waited:
            begun = time.monotonic()
            try:
                await self._fetch(command, report)
            except PodmanError as error:
                return _failed(command, "ErrImagePull", str(error))
            found = await self._find(image, anew=True)
            if found is None:
                return _failed(command, "ErrImagePull", f"{full_name(image)}: not found")
            return _pulled(command, found, seconds=time.monotonic() - begun, waited=waited)

    def stop_signal(self, image_id: str) -> str:
        """The signal that ends containers of an image seen before, as the image has it."""
        return self._stop_signals.get(image_id, "")

    def forget(self) -> None:
        """Images have gone: look for them again."""
        self._seen.clear()

    async def _find(self, image: str, *, anew: bool = False) -> "Found | None":
        at, seen = self._seen.get(image, (0.0, None))
        if seen is not None and not anew and time.monotonic() - at < FRESH_SECONDS:
            return seen
        found = await find(self.client, image)
        self._seen.pop(image, None)
        if found is not None:
            self._seen[image] = (time.monotonic(), found)
            self._stop_signals[found.id] = found.stop_signal
        return found

    async def _fetch(self, command: PullImage, report: Report) -> None:
        key = (full_name(command.image), command.auths)
        pull = self._coming.get(key)
        if pull is None:
            pull = self._coming[key] = Pull(self.client, key[0], key[1])
            pull.task.add_done_callback(lambda task: self._done(key, task))
        pull.watchers.append((command.pod, command.image, report))
        # Who waits may be cancelled with its node; the others still want the image.
        await asyncio.shield(pull.task)

    async def close(self) -> None:
        """Give up what is on its way."""
        tasks = [pull.task for pull in self._coming.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, key: tuple[object, ...], task: asyncio.Task[None]) -> None:
        del self._coming[key]
        if not task.cancelled():
            task.exception()  # whoever waited was told; nobody may be left


@attrs.define(eq=False)
class Pull:
    """One image on its way."""

    client: PodmanClient
    name: str
    auths: tuple[Mapping[str, str], ...]
    watchers: list[tuple[PodIdentity, str, Report]] = attrs.field(factory=list, init=False)
    task: asyncio.Task[None] = attrs.field(init=False)
    _blobs: dict[str, tuple[int, int]] = attrs.field(factory=dict, init=False)
    _told_at: float = attrs.field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Try each login; without any, none.

        Raises:
            PodmanError: the registry refused them all; with what it said, each word once.
            PodmanGone: Podman does not answer.
        """
        refusals: list[str] = []
        for auth in self.auths or ({},):
            header = base64.urlsafe_b64encode(json.dumps(dict(auth)).encode()).decode()
            try:
                async for said in self.client.pull(self.name, auth=header if auth else ""):
                    self._note(said)
            except PodmanError as error:
                refusals.append(str(error))
                continue
            return
        words = list(dict.fromkeys(refusals))
        raise PodmanError("pull", 500, words[0] if len(words) == 1 else f"[{', '.join(words)}]")

    def _note(self, said: Mapping[str, Any]) -> None:
        progress = said.get("progressDetail") or {}
        if not progress.get("total"):
            return
        self._blobs[str(said.get("id"))] = (progress.get("current", 0), progress["total"])
        now = time.monotonic()
        if now - self._told_at < PROGRESS_SECONDS:
            return
        self._told_at = now
        done, total = (sum(column) for column in zip(*self._blobs.values(), strict=True))
        for pod, image, report in self.watchers:
            report(PullProgress(pod=pod, image=image, done=done, total=total))


@attrs.frozen(kw_only=True)
class Found:
    """An image in the store. *user* is whom it runs as: a number, a name, or empty."""

    id: str
    size: int
    user: str
    stop_signal: str


async def find(client: PodmanClient, image: str) -> Found | None:
    """The image of that name in the store; None if it is not there."""
    for name in dict.fromkeys((image, full_name(image))):
        try:
            found = await client.get(f"/images/{name}/json")
        except PodmanError as error:
            if error.is_missing:
                continue
            raise
        config = found.get("Config") or {}
        user = config.get("User") or found.get("User") or ""
        return Found(
            id=f"sha256:{found['Id']}",
            size=int(found.get("Size", 0)),
            user=str(user).partition(":")[0],
            stop_signal=signal_name(str(config.get("StopSignal") or "")) or "SIGTERM",
        )
    return None


async def list_images(client: PodmanClient) -> tuple[NodeImage, ...]:
    """Every image in the store, with tags and digests as names.

    Raises:
        PodmanGone: Podman does not answer.
    """
    found = []
    for image in await client.get("/images/json") or []:
        tags = tuple(sorted(image.get("RepoTags") or ()))
        digests = tuple(sorted(image.get("RepoDigests") or ()))
        found.append(
            NodeImage(
                id=f"sha256:{image['Id']}",
                names=(*digests, *tags),
                size=int(image.get("Size", 0)),
                is_pinned=any(tag.startswith((OURS, INFRA)) for tag in tags),
            )
        )
    return tuple(found)


def _pulled(
    command: PullImage,
    found: Found,
    *,
    seconds: float = 0.0,
    waited: float = 0.0,
    was_present: bool = False,
) -> ImagePulled:
    return ImagePulled(
        pod=command.pod,
        image=command.image,
        image_id=found.id,
        size=found.size,
        seconds=seconds,
        waited=waited,
        was_present=was_present,
        user=found.user,
    )


def _failed(command: PullImage, reason: str, message: str) -> ImagePullFailed:
    return ImagePullFailed(pod=command.pod, image=command.image, reason=reason, message=message)
