"""Values of custom resources: the rules of a CRD's schema, and its defaults."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.schema.structural import validate, with_defaults

CRON_TAB: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?( (\d+|\*)){4}$"},
                "replicas": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
                "mode": {"type": "string", "enum": ["fast", "slow"]},
                "note": {"type": "string", "maxLength": 5, "minLength": 1, "nullable": True},
                "ports": {
                    "type": "array",
                    "maxItems": 2,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["port"],
                    "items": {
                        "type": "object",
                        "properties": {
                            "port": {"x-kubernetes-int-or-string": True},
                            "protocol": {"type": "string", "default": "TCP"},
                        },
                    },
                },
                "limits": {
                    "type": "object",
                    "additionalProperties": {"type": "integer"},
                    "default": {},
                },
                "source": {
                    "type": "object",
                    "oneOf": [{"required": ["git"]}, {"required": ["oci"]}],
                },
            },
        }
    },
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*CRON_TAB["properties"]["spec"]["properties"], "spec", "port"]), inner
        )
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        pytest.param(
            {"replicas": 0},
            "spec.replicas",
            "Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
            id="minimum",
        ),
        pytest.param(
            {"replicas": "x"},
            "spec.replicas",
            'Invalid value: "string": spec.replicas in body must be of type integer: "string"',
            id="type",
        ),
        pytest.param(
            {"mode": "warp"},
            "spec.mode",
            'Unsupported value: "warp": supported values: "fast", "slow"',
            id="enum",
        ),
        pytest.param(
            {"cronSpec": "daily"},
            "spec.cronSpec",
            'Invalid value: "daily": spec.cronSpec in body should match '
            r"'^(\d+|\*)(/\d+)?( (\d+|\*)){4}$'",
            id="pattern",
        ),
        pytest.param(
            {"note": "longer"}, "spec.note", "Too long: may not be more than 5 bytes", id="length"
        ),
        pytest.param(
            {"ports": [{"port": 1}, {"port": 2}, {"port": 3}]},
            "spec.ports",
            "Too many: 3: must have at most 2 items",
            id="items",
        ),
        pytest.param(
            {"ports": [{"port": 1}, {"port": 1}]},
            "spec.ports[1]",
            'Duplicate value: {"port": 1}',
            id="keys of a list",
        ),
        pytest.param(
            {"limits": {"a": "b"}},
            "spec.limits.a",
            'Invalid value: "string": spec.limits.a in body must be of type integer: "string"',
            id="values of a map",
        ),
        pytest.param(
            {"source": {}},
            "spec.source",
            "Invalid value: {}: must validate one and only one schema (oneOf)",
            id="one of",
        ),
    ],
)
def test_a_broken_rule_is_told_in_kubernetes_words(
    spec: dict[str, Any], field: str, message: str
) -> None:
    """The cause names the field and says what kube-apiserver says."""
    (cause,) = validate({"spec": spec}, CRON_TAB)

    assert (cause.field, cause.message) == (field, message)


def test_a_sound_value_breaks_no_rule() -> None:
    """Everything within the rules passes, null where it is allowed included."""
    spec = {
        "cronSpec": "*/5 * * * *",
        "replicas": 3,
        "mode": "fast",
        "note": None,
        "ports": [{"port": 80}, {"port": "http"}],
        "source": {"git": "x"},
    }

    assert validate({"spec": spec}, CRON_TAB) == []


def test_a_missing_field_is_required() -> None:
    """The field that is not there is the one named."""
    (cause,) = validate({}, CRON_TAB)

    assert (cause.field, cause.reason) == ("spec", "FieldValueRequired")


def test_defaults_are_filled_in_at_every_depth() -> None:
    """Where an object is there, its missing fields get their defaults; nothing else appears."""
    filled = with_defaults({"spec": {"ports": [{"port": 1}], "replicas": None}}, CRON_TAB)

    assert filled == {
        "spec": {"ports": [{"port": 1, "protocol": "TCP"}], "replicas": 3, "limits": {}}
    }
    assert with_defaults({}, CRON_TAB) == {}


@given(JSON)
def test_no_value_breaks_the_rules_themselves(value: Any) -> None:
    """Any value gives causes or none, stays as it was, and its defaults are filled in once."""
    before = copy.deepcopy(value)

    validate(value, CRON_TAB)
    filled = with_defaults(value, CRON_TAB)

    assert with_defaults(filled, CRON_TAB) == filled
    assert value == before
