"""The images of one simulated node, and how a pull goes there."""

import attrs

from engine.cri.commands import PullImage
from engine.cri.events import ImagePulled, ImagePullFailed
from engine.simulation.images import DEMO, DEMO_VERSIONS, Image, Refusal, find_image

PRESENT_SECONDS = 0.002
CHECK_SECONDS = 0.2  # asking the registry whether what is here is still the newest
REFUSAL_SECONDS = 0.8


@attrs.frozen(kw_only=True)
class Pull:
    """How a pull goes: how long it takes, its answer, and the image that is there afterwards."""

    seconds: float
    answer: ImagePulled | ImagePullFailed
    image: Image | None = None


@attrs.define(eq=False)
class ImageStore:
    """Images by their full names. The demo images are there from the beginning."""

    _images: dict[str, Image] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        for version in DEMO_VERSIONS:
            image = find_image(f"{DEMO}:{version}")
            assert isinstance(image, Image)
            self.add(image)

    def add(self, image: Image) -> None:
        """The image is here from now on."""
        self._images[image.name] = image

    def id_of(self, image: str) -> str:
        """The id of an image that is here; empty if it is not."""
        found = find_image(image)
        return _id(found) if isinstance(found, Image) and found.name in self._images else ""

    def plan(self, command: PullImage) -> Pull:
        """How the pull that *command* asks for goes."""
        found = find_image(command.image)
        if isinstance(found, Refusal):
            seconds = REFUSAL_SECONDS if found.reason == "ErrImagePull" else PRESENT_SECONDS
            return _refused(command, found, seconds)
        is_present = found.name in self._images
        if command.never_pull and not is_present:
            message = f'Container image "{command.image}" is not present with pull policy of Never'
            refusal = Refusal(reason="ErrImageNeverPull", message=message)
            return _refused(command, refusal, PRESENT_SECONDS)
        if is_present and (command.only_if_absent or command.never_pull):
            return _pulled(command, found, 0.0)
        return _pulled(command, found, CHECK_SECONDS if is_present else found.pull_seconds)


def _pulled(command: PullImage, image: Image, seconds: float) -> Pull:
    answer = ImagePulled(
        pod=command.pod,
        image=command.image,
        image_id=_id(image),
        size=image.size,
        seconds=seconds,
        was_present=seconds == 0.0,
    )
    return Pull(seconds=seconds or PRESENT_SECONDS, answer=answer, image=image)


def _refused(command: PullImage, refusal: Refusal, seconds: float) -> Pull:
    answer = ImagePullFailed(
        pod=command.pod, image=command.image, reason=refusal.reason, message=refusal.message
    )
    return Pull(seconds=seconds, answer=answer)


def _id(image: Image) -> str:
    return f"simulated/{image.name}"
