"""The images of one simulated node, and how a pull goes there."""

from collections.abc import Callable

import attrs

from engine.cri.commands import PullImage
from engine.cri.events import ImagePulled, ImagePullFailed
from engine.cri.status import NodeImage
from engine.simulation.images import (
    DEMO,
    DEMO_VERSIONS,
    PRIVATE,
    Image,
    Refusal,
    find_image,
    unauthorized,
)

PRESENT_SECONDS = 0.002
CHECK_SECONDS = 0.2  # asking the registry whether what is here is still the newest
REFUSAL_SECONDS = 0.8


@attrs.frozen(kw_only=True)
class Pull:
    """How a pull goes: how long it takes, its answer, and the image that is there afterwards.

    *is_fetched*: the registry is asked, or would be if there were one of that name.
    """

    seconds: float
    answer: ImagePulled | ImagePullFailed
    image: Image | None = None
    is_fetched: bool = False


@attrs.define(eq=False)
class ImageStore:
    """Images by their full names. The demo images are there from the beginning.

    *jitter* is a factor around 1 for how long a pull takes.
    """

    jitter: Callable[[], float] = lambda: 1.0
    _images: dict[str, Image] = attrs.field(factory=dict, init=False)
    _coming: dict[str, float] = attrs.field(factory=dict, init=False)
    _busy_until: list[float] = attrs.field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        for version in DEMO_VERSIONS:
            image = find_image(f"{DEMO}:{version}")
            assert isinstance(image, Image)
            self.add(image)

    def add(self, image: Image) -> None:
        """The image is here from now on."""
        self._images[image.name] = image
        self._coming.pop(image.name, None)

    def remove(self, image: str) -> bool:
        """Delete an image by name or id; whether it was here and may go."""
        for name, found in self._images.items():
            if image in {name, _id(found)} and not name.startswith(f"{DEMO}:"):
                del self._images[name]
                return True
        return False

    def listed(self) -> tuple[NodeImage, ...]:
        """The images that are here."""
        return tuple(
            NodeImage(
                id=_id(image),
                names=(image.name,),
                size=image.size,
                is_pinned=image.name.startswith(f"{DEMO}:"),
            )
            for image in self._images.values()
        )

    def id_of(self, image: str) -> str:
        """The id of an image that is here; empty if it is not."""
        found = find_image(image)
        return _id(found) if isinstance(found, Image) and found.name in self._images else ""

    def plan(self, command: PullImage, *, now: float) -> Pull:
        """How the pull that *command* asks for goes, begun at *now*."""
        found = find_image(command.image)
        if isinstance(found, Refusal):
            if found.reason != "ErrImagePull":
                return _refused(command, found, PRESENT_SECONDS)
            if not command.never_pull:
                return self._refused_later(command, found, now)
        is_present = isinstance(found, Image) and found.name in self._images
        if command.never_pull and not is_present:
            message = f'Container image "{command.image}" is not present with pull policy of Never'
            refusal = Refusal(reason="ErrImageNeverPull", message=message)
            return _refused(command, refusal, PRESENT_SECONDS)
        assert isinstance(found, Image)
        if is_present and (command.only_if_absent or command.never_pull):
            return _pulled(command, found, 0.0)
        if found.is_private and not _has_login(command):
            return self._refused_later(command, unauthorized(found.name), now)
        is_quick = is_present or found.name in self._coming
        seconds = (CHECK_SECONDS if is_quick else found.pull_seconds) * self.jitter()
        waited = self._wait(now, command.at_once, seconds)
        self._coming[found.name] = now + waited + seconds
        return _pulled(command, found, seconds, waited)

    def _refused_later(self, command: PullImage, refusal: Refusal, now: float) -> Pull:
        seconds = REFUSAL_SECONDS * self.jitter()
        return _refused(command, refusal, self._wait(now, command.at_once, seconds) + seconds)

    def _wait(self, now: float, at_once: int, seconds: float) -> float:
        """How long a pull of *seconds* waits until fewer than *at_once* are under way."""
        busy = self._busy_until = sorted(until for until in self._busy_until if until > now)
        begin = busy[-at_once] if at_once and len(busy) >= at_once else now
        busy.append(begin + seconds)
        return begin - now


def _has_login(command: PullImage) -> bool:
    return any(auth.get("password") == PRIVATE for auth in command.auths)


def _pulled(command: PullImage, image: Image, seconds: float, waited: float = 0.0) -> Pull:
    answer = ImagePulled(
        pod=command.pod,
        image=command.image,
        image_id=_id(image),
        size=image.size,
        seconds=seconds,
        waited=waited,
        was_present=seconds == 0.0,
    )
    taken = waited + seconds or PRESENT_SECONDS
    return Pull(seconds=taken, answer=answer, image=image, is_fetched=seconds > 0)


def _refused(command: PullImage, refusal: Refusal, seconds: float) -> Pull:
    answer = ImagePullFailed(
        pod=command.pod, image=command.image, reason=refusal.reason, message=refusal.message
    )
    return Pull(seconds=seconds, answer=answer, is_fetched=refusal.reason == "ErrImagePull")


def _id(image: Image) -> str:
    return f"simulated/{image.name}"
