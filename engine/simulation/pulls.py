"""Pulling images to a simulated node, and removing them."""

import attrs

from engine.cri.commands import PullImage, RemoveImage
from engine.cri.events import ImagePulled, ImagePullFailed, ImagesChanged, PullProgress
from engine.cri.runtime import Emit
from engine.simulation.image_store import ImageStore, Pull
from engine.simulation.inventory import Inventory
from engine.simulation.turns import Turns

PROGRESS_SECONDS = 2.0
REMOVE_SECONDS = 0.05


@attrs.define(eq=False, kw_only=True)
class Pulls:
    """Carries out what is asked about images, and tells of it."""

    turns: Turns
    inventory: Inventory
    images: ImageStore
    emit: Emit

    def pull(self, command: PullImage) -> None:
        """Get an image in the pod's turn; a long pull tells now and then how far it has come."""
        now, uid = self.turns.now, command.pod.uid
        begin = self.turns.turn_of(uid)
        pull = self.images.plan(command, now=begin)
        done = begin + pull.seconds
        self.turns.occupy(uid, done)
        answer = pull.answer
        if pull.is_fetched:
            self.turns.later(begin - now, self._begin, answer)
        if isinstance(answer, ImagePulled) and answer.seconds > PROGRESS_SECONDS:
            fetching = done - answer.seconds
            delay = fetching + PROGRESS_SECONDS - now
            self.turns.later(delay, self._progress, answer, fetching)
        self.turns.later(done - now, self._pulled, pull)

    def remove(self, command: RemoveImage) -> None:
        """Delete an image that no container was made of."""
        used = {self.images.id_of(one.command.image) for one in self.inventory.containers.values()}
        if command.image not in used and self.images.remove(command.image):
            self.turns.later(REMOVE_SECONDS, self._tell)

    def _begin(self, answer: ImagePulled | ImagePullFailed) -> None:
        self.emit(PullProgress(pod=answer.pod, image=answer.image, done=0, total=0))

    def _progress(self, answer: ImagePulled, since: float) -> None:
        """Tell how much of an image has come, until all of it has."""
        passed = self.turns.now - since
        if passed >= answer.seconds:
            return
        done = int(answer.size * passed / answer.seconds)
        self.emit(PullProgress(pod=answer.pod, image=answer.image, done=done, total=answer.size))
        self.turns.later(PROGRESS_SECONDS, self._progress, answer, since)

    def _pulled(self, pull: Pull) -> None:
        is_new = pull.image is not None and not self.images.id_of(pull.image.name)
        if pull.image is not None:
            self.images.add(pull.image)
        self.emit(pull.answer)
        if is_new:
            self._tell()

    def _tell(self) -> None:
        self.emit(ImagesChanged(images=self.images.listed()))
