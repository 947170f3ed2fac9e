"""Sets of fields: what an object states, how two differ, and the algebra of sets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.errors import BadRequestError
from engine.apiserver.fieldpaths import (
    FieldSet,
    compare,
    difference,
    fields_of,
    intersection,
    is_fields,
    paths,
    union,
    without,
)
from engine.apiserver.schema.node import Node, of_kind

SETS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.just({}),
    lambda inner: st.dictionaries(
        st.sampled_from(["f:a", "f:b", "f:c"]), inner, max_size=3
    ).flatmap(lambda tree: st.sampled_from([tree, {".": {}, **tree}] if tree else [tree])),
    max_leaves=8,
)


def node(group: str = "", kind: str = "Pod") -> Node:
    """The schema of a kind of version v1."""
    found = of_kind(group, "v1", kind)
    assert found is not None
    return found


def pod(**spec: Any) -> dict[str, Any]:
    """A Pod with this spec."""
    return {"spec": spec}


def inner(tree: FieldSet) -> FieldSet:
    """A generated tree as a set: its root is no path."""
    return {key: below for key, below in tree.items() if key != "."}


def test_an_apply_states_leaves_and_the_items_of_keyed_lists() -> None:
    """Fields of structs are leaves, items carry a dot, and a port's protocol has its default."""
    stated = fields_of(
        pod(containers=[{"name": "web", "ports": [{"containerPort": 80}], "args": ["a"]}]), node()
    )

    assert stated == {
        "f:spec": {
            "f:containers": {
                'k:{"name":"web"}': {
                    ".": {},
                    "f:name": {},
                    "f:args": {},
                    "f:ports": {
                        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                    },
                }
            }
        }
    }


def test_items_of_sets_are_stated_by_value() -> None:
    """Finalizers are a set: each one has its own owner."""
    stated = fields_of({"metadata": {"finalizers": ["b", "a"]}}, node())

    assert stated == {"f:metadata": {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}}


@pytest.mark.parametrize(
    "containers",
    [
        pytest.param([{"name": "a"}, {"name": "a"}], id="twice"),
        pytest.param([{"image": "a"}], id="no key"),
    ],
)
def test_an_apply_must_tell_items_apart(containers: list[dict[str, str]]) -> None:
    """An item that is stated twice, or without a key, cannot be owned."""
    with pytest.raises(BadRequestError):
        fields_of(pod(containers=containers), node())


def test_a_create_adds_everything_as_kubernetes_records_it() -> None:
    """A new Deployment gives the same set as a real API server records for a create."""
    added = compare(
        None,
        {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "web", "env": [{"name": "A", "value": "1"}]}]},
                },
            },
        },
        node("apps", "Deployment"),
    ).added

    assert added == {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:strategy": {"f:type": {}, "f:rollingUpdate": {".": {}, "f:maxSurge": {}}},
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"web"}': {
                            ".": {},
                            "f:name": {},
                            "f:env": {
                                ".": {},
                                'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}},
                            },
                        }
                    }
                },
            },
        },
    }


def test_a_comparison_tells_added_changed_and_gone_apart() -> None:
    """Only the fields that differ are in the sets."""
    found = compare(
        pod(nodeName="a", containers=[{"name": "x", "image": "1"}, {"name": "y"}]),
        pod(hostname="h", containers=[{"name": "x", "image": "2"}]),
        node(),
    )

    assert list(paths(found.added)) == [".spec.hostname"]
    assert list(paths(found.modified)) == ['.spec.containers[name="x"].image']
    assert list(paths(found.removed)) == [
        ".spec.nodeName",
        '.spec.containers[name="y"]',
        '.spec.containers[name="y"].name',
    ]


def test_an_atomic_part_changes_as_a_whole() -> None:
    """A selector has one owner, whatever is changed in it."""
    found = compare(
        {"spec": {"selector": {"matchLabels": {"a": "1"}}}},
        {"spec": {"selector": {"matchLabels": {"a": "2"}}}},
        node("apps", "Deployment"),
    )

    assert found.modified == {"f:spec": {"f:selector": {}}}


def test_an_order_is_no_difference_in_a_keyed_list() -> None:
    """Items are compared by key, not by place."""
    one, other = {"name": "a"}, {"name": "b"}

    found = compare(pod(containers=[one, other]), pod(containers=[other, one]), node())

    assert not found.added
    assert not found.modified
    assert not found.removed


def test_paths_are_readable() -> None:
    """Users see the paths in conflicts."""
    stated = fields_of(
        pod(containers=[{"name": "w", "ports": [{"containerPort": 80, "hostPort": 1}]}]), node()
    )

    assert '.spec.containers[name="w"].ports[containerPort=80,protocol="TCP"].hostPort' in set(
        paths(stated)
    )


def test_fields_can_be_taken_out_of_an_object() -> None:
    """A path takes its whole part along; everything else stays."""
    rest = without(
        pod(hostname="h", containers=[{"name": "a", "image": "x", "tty": True}, {"name": "b"}]),
        {
            "f:spec": {
                "f:hostname": {},
                "f:containers": {'k:{"name":"a"}': {"f:image": {}}, 'k:{"name":"b"}': {}},
            }
        },
        node(),
    )

    assert rest == pod(containers=[{"name": "a", "tty": True}])


@given(SETS, SETS)
def test_the_algebra_holds(one: FieldSet, other: FieldSet) -> None:
    """Union, difference and intersection do to trees what they do to sets of paths."""
    one, other = inner(one), inner(other)
    mine, theirs = set(paths(one)), set(paths(other))

    assert set(paths(union(one, other))) == mine | theirs
    assert set(paths(difference(one, other))) == mine - theirs
    assert set(paths(intersection(one, other))) == mine & theirs
    assert is_fields(union(one, other))
    assert union(difference(one, other), intersection(one, other)) == one
