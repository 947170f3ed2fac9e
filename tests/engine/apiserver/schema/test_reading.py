"""How fieldValidation decides about fields that nobody knows."""

import json
from typing import Any

import pytest

from engine.apiserver.errors import BadRequestError, Cause
from engine.apiserver.schema.duplicates import duplicates
from engine.apiserver.schema.node import of_kind
from engine.apiserver.schema.reading import Reading, read


def read_pod(spec: dict[str, Any], field_validation: str, body: str = "{}") -> Reading:
    """A Pod of this spec, read as the request asks."""
    node = of_kind("", "v1", "Pod")
    assert node is not None
    return read(
        {"spec": spec},
        node,
        kind="Pod",
        version="v1",
        field_validation=field_validation,
        duplicates=duplicates(body),
    )


def test_strays_are_named_in_the_order_of_the_document() -> None:
    """Unknown and repeated fields come as they stand there; an unknown field is not repeated."""
    body = '{"spec":{"foo":1,"foo":2,"hostIPC":true,"hostIPC":false,"containers":[],"bar":1}}'

    reading = read_pod(json.loads(body)["spec"], "Warn", body)

    assert reading.warnings == (
        'unknown field "spec.foo"',
        'duplicate field "spec.hostIPC"',
        'unknown field "spec.bar"',
    )


def test_strict_refuses_all_strays_in_one_sentence() -> None:
    """Strict names each unknown and each repeated field, as kube-apiserver puts it."""
    with pytest.raises(BadRequestError) as refused:
        read_pod({"containers": [{"name": "a", "foo": 1}]}, "Strict", '{"kind":"a","kind":"b"}')

    assert refused.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.containers[0].foo", duplicate field "kind"'
    )


def test_warn_drops_strays_and_says_so() -> None:
    """Warn reads the object without its unknown fields and returns a warning for each."""
    reading = read_pod({"containers": [{"name": "a", "imag": "x"}]}, "Warn")

    assert reading.value == {"spec": {"containers": [{"name": "a"}]}}
    assert reading.warnings == ('unknown field "spec.containers[0].imag" (did you mean "image"?)',)


def test_ignore_drops_strays_silently() -> None:
    """Ignore reads the object without its unknown fields and says nothing."""
    reading = read_pod({"containers": [], "foo": {"bar": 1}}, "Ignore")

    assert reading.value == {"spec": {"containers": []}}
    assert reading.warnings == ()


@pytest.mark.parametrize("field_validation", ["Strict", "Warn", "Ignore"])
def test_a_wrong_type_is_always_refused(field_validation: str) -> None:
    """No mode reads a map where a list belongs."""
    with pytest.raises(BadRequestError, match=r"spec\.containers: expected a list"):
        read_pod({"containers": {}}, field_validation)


def test_missing_fields_are_handed_to_validation() -> None:
    """A required field that is missing is a field error, not a bad request."""
    reading = read_pod({"containers": [{"image": "x"}]}, "Strict")

    assert reading.missing == (
        Cause(
            field="spec.containers[0].name", message="Required value", reason="FieldValueRequired"
        ),
    )
