"""Values with a few fields changed."""

import attrs
import pytest

from engine.api.evolution import evolve
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from tests.builders import make_pod


def test_it_is_what_attrs_makes_of_it() -> None:
    """The changed fields have their new values, all others are the same objects."""
    pod = make_pod("web", cpu=100)
    meta = ObjectMeta(name="other")

    changed = evolve(pod, metadata=meta)

    assert changed == attrs.evolve(pod, metadata=meta)
    assert changed.spec is pod.spec
    assert pod.metadata.name == "web"


def test_every_kind_can_be_changed() -> None:
    """No class of the API has anything besides its fields that a copy would lack."""
    meta = ObjectMeta(name="other")
    for resource in SCHEME:
        cls = SCHEME.class_for(resource.api_version, resource.kind)
        assert cls is not None
        has_defaults = all(
            field.default is not attrs.NOTHING for field in attrs.fields(cls) if field.init
        )
        if has_defaults:
            assert evolve(cls(), metadata=meta) == cls(metadata=meta)


def test_a_class_that_does_more_than_hold_fields_is_left_to_attrs() -> None:
    """Converters and the like run as they do in the class's own initializer."""

    @attrs.frozen
    class Rounded:
        number: int = attrs.field(converter=int)

    assert evolve(Rounded(1), number="2") == Rounded(2)


def test_an_unknown_field_is_refused() -> None:
    """A misspelt field is a mistake, as in the initializer."""
    with pytest.raises(TypeError, match="nmae"):
        evolve(ObjectMeta(), nmae="web")


def test_a_copy_is_equal_and_hashes_alike() -> None:
    """A change to the same value leaves equality and hash as they were."""
    pod = make_pod("web")

    copy: Pod = evolve(pod, spec=pod.spec)

    assert copy == pod
    assert hash(copy.metadata) == hash(pod.metadata)
