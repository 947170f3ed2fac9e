"""Nothing a client sends is lost, nothing is made up."""

import tracemalloc
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.api.codec import (
    DecodeError,
    decode,
    decode_json,
    encode,
    encode_both,
    encode_json,
    encode_thawed,
)
from engine.api.core import ConfigMap, Secret
from engine.api.frozen import FrozenDict, freeze, thaw
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.api.scheme import SCHEME
from tests.builders import make_pod

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "default",
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "labels": {"app": "web"},
    },
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "web:1",
                "resources": {"requests": {"cpu": "500m"}},
                "ports": [{"containerPort": 80}],
                "someNewField": {"deep": [1, {"x": None}]},
            }
        ],
        "volumes": [
            {"name": "disk", "azureDisk": {"diskName": "a", "diskURI": "b"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    },
    "status": {"podIP": "10.1.1.1", "phase": "Running"},
}


def test_a_round_trip_keeps_what_the_engine_does_not_read() -> None:
    """Unknown fields are carried, at any depth."""
    assert encode_thawed(decode(POD)) == POD


def test_fields_are_typed_under_their_pythonic_names() -> None:
    """And times are seconds."""
    pod = decode(POD)

    assert isinstance(pod, Pod)
    assert pod.status.pod_ip == "10.1.1.1"
    assert pod.spec.containers[0].ports[0].container_port == 80
    assert pod.metadata.creation_timestamp == 1767323045.0


def test_nulls_mean_not_set() -> None:
    """As Go's decoder treats them."""
    data = {**POD, "metadata": {"name": "web", "labels": None, "annotations": None}}

    pod = decode(data)

    assert pod.metadata.labels == {}
    assert "labels" not in encode(pod)["metadata"]


def test_numbers_are_taken_where_quantities_belong() -> None:
    """``cpu: 2`` is a usual way to write it."""
    data = thaw(freeze(POD))
    data["spec"]["containers"][0]["resources"] = {"limits": {"cpu": 2}}

    pod = decode(data)

    assert isinstance(pod, Pod)
    assert pod.spec.containers[0].resources.limits == {"cpu": "2"}


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "Pod"},
        {"apiVersion": "v1", "kind": "Pdo"},
        {"apiVersion": "v1", "kind": "Pod", "spec": "nginx"},
        {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": "nginx"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"creationTimestamp": "yesterday"}},
    ],
    ids=["no-version", "unknown-kind", "spec-is-text", "list-is-text", "bad-time"],
)
def test_what_is_not_an_object_is_refused_in_words(data: dict[str, Any]) -> None:
    """Only DecodeError leaves the decoder."""
    with pytest.raises(DecodeError):
        decode(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(spec=_json, status=_json, metadata=_json)
def test_no_input_makes_the_decoder_fall_over(
    spec: object, status: object, metadata: object
) -> None:
    """Garbage is an answer, not a crash."""
    data = {"apiVersion": "v1", "kind": "Pod", "spec": spec, "status": status, "metadata": metadata}
    try:
        decode(data)
    except DecodeError:
        return


def test_every_resource_can_be_stored_and_given_back() -> None:
    """Kinds the engine does not act on are carried whole."""
    for resource in SCHEME:
        data = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": "x"},
            "somethingElse": {"a": [1, 2]},
        }
        back = encode_thawed(decode_json(encode_json(decode(data))))

        assert {key: back[key] for key in data} == data


def test_secrets_do_not_show_in_reprs() -> None:
    """Traces and logs print reprs."""
    secret = Secret(data=FrozenDict({"password": "aHVudGVyMg=="}))

    assert "aHVudGVyMg" not in repr(secret)


def test_two_versions_are_encoded_without_what_they_share() -> None:
    """What differs is encoded as `encode` does it; a part that both have is left out."""
    old = make_pod("web", cpu=100)
    new = attrs.evolve(old, status=attrs.evolve(old.status, phase="Running"))

    before, after = encode_both(old, new)

    assert "spec" not in before | after
    assert after["status"] == encode(new)["status"]
    assert before.get("status") == encode(old).get("status")
    assert before["metadata"] == after["metadata"] == encode(new)["metadata"]


def test_versions_that_differ_beside_their_parts_are_encoded_whole() -> None:
    """A kind whose fields are maps or texts is encoded as it is."""
    old = ConfigMap(metadata=ObjectMeta(name="a"), data=FrozenDict({"key": "old"}))
    new = attrs.evolve(old, data=FrozenDict({"key": "new"}))

    assert encode_both(old, new) == (encode(old), encode(new))


def test_the_json_of_an_object_takes_no_more_memory_than_its_length() -> None:
    """What is kept for lists and watchers is not the buffer it was written in."""
    obj = make_pod("web")
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [encode_json(obj) for _ in range(100)]
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert taken < 1.5 * sum(len(data) + 64 for data in kept)
