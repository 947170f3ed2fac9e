"""Which volume a claim gets."""

from collections.abc import Iterable

import attrs
import pytest

from engine.api.frozen import FrozenDict
from engine.api.meta import LabelSelector, ObjectMeta, ObjectReference
from engine.api.persistent import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
    VolumeResourceRequirements,
)
from engine.api.wire import Time
from engine.controllers.storage.matching import find_match, mismatch

RWO, RWX = ("ReadWriteOnce",), ("ReadWriteOnce", "ReadWriteMany")


def claim(
    size: str = "5Gi", *, modes: tuple[str, ...] = RWO, selector: dict[str, str] | None = None
) -> PersistentVolumeClaim:
    """A claim of the class `fast`."""
    labels = None if selector is None else LabelSelector(match_labels=FrozenDict(selector))
    return PersistentVolumeClaim(
        metadata=ObjectMeta(name="data", namespace="default", uid="c1"),
        spec=PersistentVolumeClaimSpec(
            access_modes=modes,
            selector=labels,
            resources=VolumeResourceRequirements(requests=FrozenDict({"storage": size})),
            storage_class_name="fast",
        ),
    )


def volume(
    name: str,
    size: str = "5Gi",
    *,
    modes: tuple[str, ...] = RWO,
    of: str = "fast",
    mode: str = "Filesystem",
    phase: str = "Available",
    labels: dict[str, str] | None = None,
    owner: tuple[str, str] | None = None,
) -> PersistentVolume:
    """A volume; *owner* is the name and uid of the claim it is reserved for."""
    reference = None
    if owner is not None:
        reference = ObjectReference(namespace="default", name=owner[0], uid=owner[1])
    return PersistentVolume(
        metadata=ObjectMeta(name=name, labels=FrozenDict(labels or {})),
        spec=PersistentVolumeSpec(
            capacity=FrozenDict({"storage": size}),
            access_modes=modes,
            storage_class_name=of,
            volume_mode=mode,
            claim_ref=reference,
        ),
        status=PersistentVolumeStatus(phase=phase),
    )


@pytest.mark.parametrize(
    ("wanted", "volumes", "expected"),
    [
        pytest.param(claim(), [], None, id="nothing-there"),
        pytest.param(claim(), [volume("a", "4Gi")], None, id="too-small"),
        pytest.param(claim(), [volume("a", "9Gi"), volume("b", "6Gi")], "b", id="smallest"),
        pytest.param(claim(), [volume("b"), volume("a")], "a", id="tie-by-name"),
        pytest.param(claim(), [volume("a", of="slow")], None, id="other-class"),
        pytest.param(claim(), [volume("a", mode="Block")], None, id="other-mode"),
        pytest.param(claim(), [volume("a", phase="Released")], None, id="not-available"),
        pytest.param(claim(modes=RWX), [volume("a")], None, id="too-few-access-modes"),
        pytest.param(
            claim(), [volume("a", modes=RWX), volume("b", "9Gi")], "b", id="fewest-access-modes"
        ),
        pytest.param(
            claim(selector={"disk": "ssd"}),
            [volume("a"), volume("b", labels={"disk": "ssd"})],
            "b",
            id="selector",
        ),
        pytest.param(
            claim(),
            [volume("a"), volume("b", "9Gi", owner=("data", ""))],
            "b",
            id="reserved-comes-first",
        ),
        pytest.param(
            claim(),
            [volume("b", of="slow", owner=("data", ""))],
            "b",
            id="reserved-whatever-its-class",
        ),
        pytest.param(claim(), [volume("a", owner=("other", ""))], None, id="reserved-for-another"),
        pytest.param(
            claim(), [volume("a", owner=("data", "c0"))], None, id="bound-to-former-claim"
        ),
    ],
)
def test_claim_gets_volume(
    wanted: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], expected: str | None
) -> None:
    """The smallest that fits is chosen, one reserved for the claim before all others."""
    found = find_match(wanted, volumes, is_delayed=False)

    assert (found.metadata.name if found else None) == expected


def test_delayed_claim_takes_only_what_is_reserved_for_it() -> None:
    """While the scheduler is to choose, the binder takes no free volume."""
    reserved = volume("b", owner=("data", "c1"))

    assert find_match(claim(), [volume("a")], is_delayed=True) is None
    assert find_match(claim(), [volume("a"), reserved], is_delayed=True) is reserved


def test_volume_that_is_being_deleted_is_not_given() -> None:
    """A volume with a deletion timestamp is on its way out."""
    going = volume("a")
    going = attrs.evolve(going, metadata=attrs.evolve(going.metadata, deletion_timestamp=Time(1.0)))

    assert find_match(claim(), [going], is_delayed=False) is None


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (volume("a"), ""),
        (volume("a", "1Gi"), "requested PV is too small"),
        (volume("a", of="slow"), "storageClassName does not match"),
        (volume("a", mode="Block"), "incompatible volumeMode"),
        (volume("a", modes=("ReadOnlyMany",)), "incompatible accessMode"),
    ],
)
def test_volume_named_by_a_claim_must_do(named: PersistentVolume, expected: str) -> None:
    """A claim that names its volume is told why it cannot have it."""
    assert mismatch(claim(), named) == expected
