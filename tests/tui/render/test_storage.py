"""What tables show of claims, volumes and attachments."""

import pytest

from engine.api.frozen import FrozenDict
from engine.api.meta import Condition, ObjectMeta, ObjectReference
from engine.api.persistent import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimStatus,
    PersistentVolumeSpec,
)
from engine.api.storage import VolumeAttachment, VolumeAttachmentStatus, VolumeError
from tui.render.storage import access, attached, claim_of, phase


def claim(phase_: str, *conditions: str) -> PersistentVolumeClaim:
    """A claim in a phase."""
    found = tuple(Condition(type=type_, status="True") for type_ in conditions)
    status = PersistentVolumeClaimStatus(
        phase=phase_, conditions=found, capacity=FrozenDict({"storage": "1Gi"})
    )
    return PersistentVolumeClaim(metadata=ObjectMeta(name="c"), status=status)


@pytest.mark.parametrize(
    ("shown", "word", "tone"),
    [
        (claim("Bound"), "Bound", "ok"),
        (claim("Pending"), "Pending", "wait"),
        (claim("Lost"), "Lost", "bad"),
        (claim("Bound", "FileSystemResizePending"), "FileSystemResizePending", "wait"),
    ],
)
def test_phase_reads_as_a_word(shown: PersistentVolumeClaim, word: str, tone: str) -> None:
    """A claim that grows says so before it says that it is bound."""
    found = phase(shown)

    assert (found.word, found.tone) == (word, tone)


def test_modes_are_short_and_the_claim_is_named() -> None:
    """As kubectl has them."""
    owner = ObjectReference(namespace="shop", name="data")
    volume = PersistentVolume(
        metadata=ObjectMeta(name="v"), spec=PersistentVolumeSpec(claim_ref=owner)
    )

    assert access(("ReadWriteOnce", "ReadOnlyMany")) == "RWO,ROX"
    assert claim_of(volume) == "shop/data"


def test_attachment_that_failed_says_so() -> None:
    """An error is shown until the volume is attached."""
    error = VolumeError(message="no room")
    failed = VolumeAttachment(
        metadata=ObjectMeta(name="a"), status=VolumeAttachmentStatus(attach_error=error)
    )

    assert attached(failed).word == "Failed"
