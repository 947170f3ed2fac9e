"""Removes images that nobody uses: when the disk is too full, or when they are too old.

Source: pkg/kubelet/images/image_gc_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable, Iterable

import attrs

from engine.api.node import Node
from engine.client.recorder import EventRecorder
from engine.cri.commands import RemoveImage
from engine.cri.events import NodeMeasured
from engine.cri.runtime import Runtime
from engine.cri.status import NodeImage
from engine.kernel.loop import Loop

LOOK_SECONDS = 300.0


@attrs.frozen(kw_only=True)
class ImageGCPolicy:
    """From *high* percent of the disk on, images go until it is at *low* percent.

    None goes before it was unused for *min_age* seconds; each does after *max_age*, if that is not
    0.
    """

    high: int = 85
    low: int = 80
    min_age: float = 120.0
    max_age: float = 0.0


@attrs.define(eq=False, kw_only=True)
class ImageGC:
    """One node's. *in_use* are the ids of images that containers have, running or not."""

    loop: Loop
    runtime: Runtime
    recorder: EventRecorder
    node: Callable[[], Node | None]
    in_use: Callable[[], Iterable[str]]
    policy: ImageGCPolicy
    _images: dict[str, NodeImage] = attrs.field(factory=dict, init=False)
    _unused_since: dict[str, float] = attrs.field(factory=dict, init=False)
    _looked_at: float = attrs.field(default=0.0, init=False)

    def images_changed(self, images: Iterable[NodeImage]) -> None:
        """These are the images of the node now."""
        self._images = {image.id: image for image in images}
        self._note()

    def measured(self, event: NodeMeasured) -> None:
        """So much of the disk is left; looked at every five minutes."""
        now = self.loop.now
        self._note()
        if now - self._looked_at < LOOK_SECONDS or event.disk <= 0:
            return
        self._looked_at = now
        if self.policy.max_age:
            self._remove(item for item in self._unused(self.policy.max_age))
        used = 100 - event.disk_available * 100 // event.disk
        if used >= self.policy.high:
            wanted = event.disk * (100 - self.policy.low) // 100 - event.disk_available
            self._free(wanted)

    def remove_unused(self) -> bool:
        """Remove every image that nobody uses; whether there was one."""
        return self._remove(self._unused(0.0)) > 0

    def _free(self, wanted: int) -> None:
        chosen, size = [], 0
        for image in self._unused(self.policy.min_age):
            if size >= wanted:
                break
            chosen.append(image)
            size += image.size
        self._remove(chosen)
        node = self.node()
        if size < wanted and node is not None:
            self.recorder.warning(
                node,
                "FreeDiskSpaceFailed",
                "Failed to garbage collect required amount of images."
                f" Attempted to free {wanted} bytes, but only found {size} bytes eligible to free.",
            )

    def _unused(self, age: float) -> list[NodeImage]:
        """What has been unused for *age* seconds, the longest first."""
        self._note()
        now = self.loop.now
        found = [(since, key) for key, since in self._unused_since.items() if now - since >= age]
        return [self._images[key] for _, key in sorted(found)]

    def _remove(self, images: Iterable[NodeImage]) -> int:
        count = 0
        for image in images:
            self.runtime.submit(RemoveImage(image=image.id))
            self._unused_since.pop(image.id, None)
            count += 1
        return count

    def _note(self) -> None:
        """Keep since when each image has been unused."""
        used = dict.fromkeys(self.in_use())
        now = self.loop.now
        for key, image in self._images.items():
            if key in used or image.is_pinned:
                self._unused_since.pop(key, None)
            else:
                self._unused_since.setdefault(key, now)
        for key in [key for key in self._unused_since if key not in self._images]:
            del self._unused_since[key]
