"""JSON patch and merge patch, by the examples of their standards."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.errors import (
    ApiError,
    BadRequestError,
    InvalidError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from engine.apiserver.json_patch import json_patch
from engine.apiserver.patch import (
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    merge_patch,
    patched,
)
from engine.apiserver.schema.node import of_kind

NAMES = ["metadata", "spec", "containers", "name", "ports", "labels", "$patch", "finalizers"]
DIRECTIVES = ["$retainKeys", "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["delete", "replace", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, *DIRECTIVES]), inner, max_size=4)
    ),
    max_leaves=14,
)
OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "x"])},
        optional={
            "path": st.sampled_from(["", "/", "/spec", "/spec/0", "/spec/-", "/spec/name/1", "x"]),
            "from": st.sampled_from(["", "/spec", "/metadata/name"]),
            "value": VALUES,
        },
    ),
    max_size=4,
)


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [
        pytest.param(
            {"foo": "bar"},
            [{"op": "add", "path": "/baz", "value": "qux"}],
            {"baz": "qux", "foo": "bar"},
            id="A.1 add a member",
        ),
        pytest.param(
            {"foo": ["bar", "baz"]},
            [{"op": "add", "path": "/foo/1", "value": "qux"}],
            {"foo": ["bar", "qux", "baz"]},
            id="A.2 add an element",
        ),
        pytest.param(
            {"baz": "qux", "foo": "bar"},
            [{"op": "remove", "path": "/baz"}],
            {"foo": "bar"},
            id="A.3 remove a member",
        ),
        pytest.param(
            {"foo": ["bar", "qux", "baz"]},
            [{"op": "remove", "path": "/foo/1"}],
            {"foo": ["bar", "baz"]},
            id="A.4 remove an element",
        ),
        pytest.param(
            {"baz": "qux", "foo": "bar"},
            [{"op": "replace", "path": "/baz", "value": "boo"}],
            {"baz": "boo", "foo": "bar"},
            id="A.5 replace",
        ),
        pytest.param(
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
            id="A.6 move a value",
        ),
        pytest.param(
            {"foo": ["all", "grass", "cows", "eat"]},
            [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
            {"foo": ["all", "cows", "eat", "grass"]},
            id="A.7 move an element",
        ),
        pytest.param(
            {"baz": "qux", "foo": ["a", 2, "c"]},
            [
                {"op": "test", "path": "/baz", "value": "qux"},
                {"op": "test", "path": "/foo/1", "value": 2},
            ],
            {"baz": "qux", "foo": ["a", 2, "c"]},
            id="A.8 test",
        ),
        pytest.param(
            {"foo": "bar"},
            [{"op": "add", "path": "/child", "value": {"grandchild": {}}, "xyz": 123}],
            {"foo": "bar", "child": {"grandchild": {}}},
            id="A.10 and A.11 nested, unknown members ignored",
        ),
        pytest.param(
            {"/": 9, "~1": 10},
            [{"op": "test", "path": "/~01", "value": 10}],
            {"/": 9, "~1": 10},
            id="A.14 escapes",
        ),
        pytest.param(
            {"foo": ["bar"]},
            [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
            {"foo": ["bar", ["abc", "def"]]},
            id="A.16 append",
        ),
        pytest.param(
            {"a": {"b": [1]}},
            [
                {"op": "copy", "from": "/a/b", "path": "/c"},
                {"op": "add", "path": "/c/-", "value": 2},
            ],
            {"a": {"b": [1]}, "c": [1, 2]},
            id="a copy is a value of its own",
        ),
    ],
)
def test_json_patch_examples(document: Any, operations: Any, expected: Any) -> None:
    """The examples of RFC 6902, appendix A."""
    assert json_patch(document, operations) == expected


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "test", "path": "/baz", "value": "bar"}, id="A.9 test fails"),
        pytest.param({"op": "add", "path": "/x/y", "value": 1}, id="A.12 no parent"),
        pytest.param({"op": "test", "path": "/n", "value": "10"}, id="A.15 other type"),
        pytest.param({"op": "test", "path": "/n", "value": True}, id="true is no number"),
        pytest.param({"op": "remove", "path": "/x"}, id="nothing to remove"),
        pytest.param({"op": "replace", "path": "/x", "value": 1}, id="nothing to replace"),
        pytest.param({"op": "add", "path": "/l/3", "value": 1}, id="beyond the end"),
        pytest.param({"op": "add", "path": "/l/01", "value": 1}, id="leading zero"),
        pytest.param({"op": "move", "from": "/o", "path": "/o/p"}, id="into itself"),
    ],
)
def test_an_operation_that_does_not_apply_is_invalid(operation: dict[str, Any]) -> None:
    """The patch is refused as a whole with 422, naming the operation."""
    with pytest.raises(InvalidError, match="operation 0"):
        json_patch({"baz": "qux", "n": 1, "l": [1], "o": {}}, [operation])


@pytest.mark.parametrize(
    "operations",
    [
        pytest.param({}, id="no list"),
        pytest.param(["x"], id="no object"),
        pytest.param([{"op": "frob", "path": "/a"}], id="no such operation"),
        pytest.param([{"op": "add", "value": 1}], id="no path"),
        pytest.param([{"op": "copy", "from": "/x"}], id="a copy to nowhere"),
        pytest.param([{"op": "add", "path": "a", "value": 1}], id="no pointer"),
        pytest.param([{"op": "add", "path": "/a"}], id="no value"),
    ],
)
def test_a_malformed_json_patch_is_a_bad_request(operations: Any) -> None:
    """What is no JSON patch is refused before anything is done."""
    with pytest.raises(BadRequestError):
        json_patch({"a": 1}, operations)


def test_a_json_patch_has_a_limit() -> None:
    """More than ten thousand operations are refused."""
    with pytest.raises(TooLargeError):
        json_patch({}, [{"op": "add", "path": "/a", "value": 1}] * 10_001)


def test_a_document_cannot_be_doubled_without_end() -> None:
    """Forty small operations that copy a list into itself are refused, not carried out."""
    double = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 40

    with pytest.raises(TooLargeError):
        json_patch({"a": ["x"]}, double)


def test_long_lists_merge_quickly() -> None:
    """Ten thousand items on both sides are matched by key, not one against all."""
    spec = {"containers": [{"name": "a", "env": [{"name": f"e{i}"} for i in range(10_000)]}]}
    node = of_kind("", "v1", "Pod")

    assert patched(STRATEGIC_MERGE_PATCH, {"spec": spec}, {"spec": spec}, node) == {"spec": spec}


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_examples(document: Any, patch: Any, expected: Any) -> None:
    """The examples of RFC 7396, appendix A."""
    assert merge_patch(document, patch) == expected


def test_a_custom_resource_takes_no_strategic_merge_patch() -> None:
    """Without a schema of merge keys, the kind of patch is unsupported."""
    with pytest.raises(UnsupportedMediaTypeError):
        patched(STRATEGIC_MERGE_PATCH, {}, {}, None)


def test_a_patch_must_leave_an_object() -> None:
    """A JSON patch cannot turn an object into something else."""
    with pytest.raises(BadRequestError):
        patched(JSON_PATCH, {"a": 1}, [{"op": "replace", "path": "", "value": 1}], None)


def test_the_content_type_may_carry_parameters() -> None:
    """Parameters such as the charset do not change what a content type means."""
    assert patched(f"{MERGE_PATCH}; charset=utf-8", {"a": 1}, {"b": 2}, None) == {"a": 1, "b": 2}


@given(
    document=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    patch=VALUES | OPERATIONS,
    content_type=st.sampled_from([JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH]),
)
def test_no_patch_breaks_anything(document: Any, patch: Any, content_type: str) -> None:
    """Any patch gives an object or an ApiError, and changes neither the object nor itself."""
    before = copy.deepcopy((document, patch))

    with contextlib.suppress(ApiError):
        assert isinstance(patched(content_type, document, patch, of_kind("", "v1", "Pod")), dict)

    assert (document, patch) == before
