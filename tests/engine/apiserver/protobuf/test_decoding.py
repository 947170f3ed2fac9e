"""Bodies in protobuf, which kubectl 1.32 and later sends for everything it creates."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.body import PROTOBUF, decode_body
from engine.apiserver.errors import ApiError, BadRequestError
from engine.apiserver.protobuf.decoding import decode_protobuf


def varint(number: int) -> bytes:
    """A number as the wire has it."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def part(number: int, content: bytes | str | int) -> bytes:
    """One field of a message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, message: bytes) -> bytes:
    """A message in the envelope of Kubernetes."""
    return b"k8s\x00" + part(1, part(1, api_version) + part(2, kind)) + part(2, message)


def test_fields_are_named_and_decoded_by_the_schema() -> None:
    """Strings, maps, bytes in base64, and no trace of Go's empty strings."""
    metadata = part(1, "s") + part(2, "") + part(3, "default") + part(8, b"")
    secret = part(1, metadata) + part(2, part(1, "key") + part(2, b"\x01\xff")) + part(3, "Opaque")

    assert decode_body(body("v1", "Secret", secret), PROTOBUF).value == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "default"},
        "data": {"key": "Af8="},
        "type": "Opaque",
    }


def test_inline_parts_ports_quantities_and_times_are_read() -> None:
    """What JSON writes inline is inline, and special types have their JSON forms."""
    probe = part(1, part(2, part(1, "/") + part(2, part(1, 1) + part(3, "http")))) + part(4, 5)
    limits = part(1, part(1, "cpu") + part(2, part(1, "500m")))
    container = part(1, "web") + part(8, limits) + part(10, probe)
    volume = part(1, "tmp") + part(2, part(2, b""))
    pod = part(1, part(8, part(1, 86400))) + part(2, part(1, volume) + part(2, container))

    value = decode_protobuf(body("v1", "Pod", pod))

    assert value["metadata"] == {"creationTimestamp": "1970-01-02T00:00:00Z"}
    assert value["spec"] == {
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [
            {
                "name": "web",
                "resources": {"limits": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
            }
        ],
    }


def test_a_zero_that_was_meant_is_kept() -> None:
    """Replicas are a pointer in Go: zero replicas are zero, not the default."""
    value = decode_protobuf(body("apps/v1", "Deployment", part(2, part(1, 0) + part(5, 0))))

    assert value["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"{}", id="JSON"),
        pytest.param(body("v1", "Nothing", b""), id="no such kind"),
        pytest.param(body("v1", "Pod", b"\x0a\xff"), id="cut short"),
        pytest.param(body("v1", "Pod", part(1, 5)), id="a number for a message"),
    ],
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    """Such a body is a bad request."""
    with pytest.raises(BadRequestError):
        decode_protobuf(data)


@given(
    st.binary(max_size=60),
    st.sampled_from(
        [("v1", "Pod"), ("apps/v1", "Deployment"), ("v1", "ConfigMap"), ("v1", "Event")]
    ),
)
def test_no_message_does_harm(message: bytes, kind: tuple[str, str]) -> None:
    """Any bytes are an object or a refusal."""
    with contextlib.suppress(ApiError):
        decode_protobuf(body(*kind, message))
