"""JSON of objects is made once per revision, and what is kept of it is bounded."""

import attrs

from engine.adapters.encoded import EncodedObjects
from engine.api.core import ConfigMap
from engine.api.events import Event
from engine.api.meta import ObjectMeta


def config_map(uid: str, revision: int) -> ConfigMap:
    """One revision of an object."""
    meta = ObjectMeta(name="c", namespace="n", uid=uid, resource_version=str(revision))
    return ConfigMap(metadata=meta)


def test_a_revision_is_encoded_once() -> None:
    """Disk, lists and watchers share the same bytes."""
    encoded, obj = EncodedObjects(), config_map("a", 1)

    assert encoded.json(obj) is encoded.json(obj)


def test_an_old_revision_does_not_push_out_the_new_one() -> None:
    """The disk's writer may be late: what lists want stays."""
    encoded, new = EncodedObjects(), config_map("a", 2)
    kept = encoded.json(new)

    encoded.json(config_map("a", 1))

    assert encoded.json(new) is kept


def test_what_is_kept_is_bounded() -> None:
    """What was encoded first goes first."""
    first = config_map("a", 1)
    encoded = EncodedObjects(keep=2 * len(EncodedObjects().json(first)))
    data = encoded.json(first)
    for uid in ("b", "c"):
        encoded.json(config_map(uid, 1))

    assert encoded.json(first) is not data
    assert encoded.json(first) == data


def test_events_push_nothing_else_out() -> None:
    """However many Events there are, what lists of other kinds want stays."""
    encoded, obj = EncodedObjects(keep_events=1), config_map("a", 1)
    data = encoded.json(obj)
    event = Event(metadata=ObjectMeta(name="e", namespace="n", uid="e", resource_version="2"))

    first = encoded.json(event)

    assert encoded.json(event) is not first
    assert encoded.json(obj) is data


def test_a_deleted_object_is_forgotten() -> None:
    """Nothing is kept of it."""
    encoded, obj = EncodedObjects(), config_map("a", 1)
    data = encoded.json(obj)

    encoded.forget("a")

    assert encoded.json(obj) is not data
    assert encoded.json(attrs.evolve(obj)) == data
