"""Request bodies: what they decode to, what is refused, and that no text does harm."""

import contextlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.body import decode_body
from engine.apiserver.errors import ApiError, BadRequestError, UnsupportedMediaTypeError

YAML = "application/yaml"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def test_json_and_its_patches_are_json() -> None:
    """All media types that end in +json are read the same."""
    for media_type in ("application/json; charset=utf-8", "application/merge-patch+json"):
        assert decode_body(b'{"a":[1,null]}', media_type).value == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(
            "a: 1\nb: [x, 2.5, ~, true]", {"a": 1, "b": ["x", 2.5, None, True]}, id="plain"
        ),
        pytest.param("when: 2026-01-02T03:04:05Z", {"when": "2026-01-02T03:04:05Z"}, id="date"),
        pytest.param("mode: 0644\nhex: 0x10", {"mode": 420, "hex": 16}, id="octal as Go reads it"),
        pytest.param("'1': a\n2: b\ntrue: c", {"1": "a", "2": "b", "true": "c"}, id="keys"),
        pytest.param('a: "1"\nb: !!str 2', {"a": "1", "b": "2"}, id="strings that look otherwise"),
        pytest.param("a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}, id="alias"),
        pytest.param(
            "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}",
            {"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}},
            id="merge key",
        ),
        pytest.param("'<<': 1\na: <<", {"<<": 1, "a": "<<"}, id="no merge key"),
        pytest.param("a: |\n  l1\n  l2\n", {"a": "l1\nl2\n"}, id="block"),
        pytest.param("on: yes", {"true": True}, id="YAML 1.1 booleans"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_yaml_is_read_as_json_values(text: str, value: Any) -> None:
    """YAML gives what its JSON form would give."""
    assert decode_body(text.encode(), YAML).value == value


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("application/json", '{"spec":{"a":1,"a":2}}'),
        (YAML, "spec:\n  a: 1\n  a: 2\n"),
    ],
)
def test_repeated_keys_are_found(content_type: str, text: str) -> None:
    """The last value counts, and the repetition is told by path."""
    body = decode_body(text.encode(), content_type)

    assert body.value == {"spec": {"a": 2}}
    assert [str(finding) for finding in body.duplicates] == ['duplicate field "spec.a"']


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: [", id="unfinished"),
        pytest.param("a: 1\n---\nb: 2", id="two documents"),
        pytest.param("a: *nowhere", id="no anchor"),
        pytest.param("{a: b}: c", id="a map as key"),
        pytest.param("<<: 1", id="merge of no map"),
        pytest.param("a: .nan", id="not a number"),
        pytest.param("[" * 600 + "]" * 600, id="too deep"),
        pytest.param("a: &a [*a]", id="contains itself"),
        pytest.param("a: \x00", id="control character"),
    ],
)
def test_what_cannot_be_json_is_refused(text: str) -> None:
    """Such a body is a bad request."""
    with pytest.raises(BadRequestError):
        decode_body(text.encode(), YAML)


def test_a_yaml_bomb_is_refused() -> None:
    """Nine levels of nine aliases each would be a billion values."""
    levels = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    levels += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    with pytest.raises(BadRequestError, match="more than"):
        decode_body("\n".join(levels).encode(), YAML)


@pytest.mark.parametrize("content_type", ["application/json", YAML])
def test_a_tower_of_brackets_is_refused(content_type: str) -> None:
    """Depth is limited, whatever the syntax."""
    with pytest.raises(BadRequestError):
        decode_body(b"[" * 200_000, content_type)


def test_other_media_types_are_not_read() -> None:
    """Nothing is guessed."""
    with pytest.raises(UnsupportedMediaTypeError):
        decode_body(b"", "text/plain")


@given(JSON)
def test_a_value_survives_both_forms(value: Any) -> None:
    """What is written as JSON or YAML comes back as it was."""
    assert decode_body(json.dumps(value).encode(), "application/json").value == value
    text = yaml.safe_dump(value).encode()
    assert decode_body(text, YAML).value == value


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode), st.sampled_from([YAML, ""]))
def test_no_body_does_harm(data: bytes, content_type: str) -> None:
    """Any bytes are a value or a refusal."""
    with contextlib.suppress(ApiError):
        decode_body(data, content_type)
