"""Having an image here: by the name a manifest gives, from Podman's store or its registry."""

import base64
import json
import re
import time

from engine.adapters.podman.client import PodmanClient, PodmanError
from engine.cri.commands import PullImage
from engine.cri.events import ImagePulled, ImagePullFailed

OURS = "localhost/kubarium/"
REFERENCE = re.compile(
    r"(?:[a-zA-Z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-fA-F]{32,})?"
)


def full_name(image: str) -> str:
    """*image* with the registry and tag it has when it names none, as Kubernetes reads it."""
    head, slash, rest = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif "." not in head and ":" not in head and head != "localhost":
        image = f"docker.io/{head}/{rest}"
    return image if "@" in image or ":" in image.rpartition("/")[2] else f"{image}:latest"


async def ensure(client: PodmanClient, command: PullImage) -> ImagePulled | ImagePullFailed:
    """Make sure the image of *command* is in the store; the event to report.

    An image under ``localhost/`` has no registry: if it is here, that is as fresh as it gets.

    Raises:
        PodmanGone: Podman does not answer.
    """
    image = command.image
    if not REFERENCE.fullmatch(image):
        return _failed(command, "InvalidImageName", f"{image!r} is not an image name")
    begun = time.monotonic()
    present = await _find(client, image)
    is_local = full_name(image).startswith("localhost/")
    if present is not None and (command.only_if_absent or command.never_pull or is_local):
        identity, size, user = present
        return ImagePulled(
            pod=command.pod,
            image=image,
            image_id=identity,
            size=size,
            was_present=True,
            user=user,
        )
    if command.never_pull:
        message = f"{image} is not present and its pull policy is Never"
        return _failed(command, "ErrImageNeverPull", message)
    if is_local:
        return _failed(
            command, "ErrImagePull", f"{image} is not here, and localhost has no registry"
        )
    error: PodmanError | None = None
    for auth in (*(dict(auth) for auth in command.auths), {}):
        header = base64.urlsafe_b64encode(json.dumps(auth).encode()).decode() if auth else ""
        try:
            await client.pull(full_name(image), auth=header)
        except PodmanError as refusal:
            error = refusal
            continue
        identity, size, user = await _find(client, full_name(image)) or ("", 0, "")
        seconds = time.monotonic() - begun
        return ImagePulled(
            pod=command.pod,
            image=image,
            image_id=identity,
            size=size,
            seconds=seconds,
            user=user,
        )
    return _failed(command, "ErrImagePull", str(error))


def _failed(command: PullImage, reason: str, message: str) -> ImagePullFailed:
    return ImagePullFailed(pod=command.pod, image=command.image, reason=reason, message=message)


async def _find(client: PodmanClient, image: str) -> tuple[str, int, str] | None:
    """The id, size and user of *image* in the store; None if it is not there."""
    for name in dict.fromkeys((image, full_name(image))):
        try:
            found = await client.get(f"/images/{name}/json")
        except PodmanError as error:
            if error.is_missing:
                continue
            raise
        user = (found.get("Config") or {}).get("User") or found.get("User") or ""
        return f"sha256:{found['Id']}", int(found.get("Size", 0)), str(user).partition(":")[0]
    return None
