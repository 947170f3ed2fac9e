"""Strategic merge patch: how each kind of list merges, and what the directives do."""

from typing import Any

import pytest

from engine.apiserver.errors import BadRequestError, InvalidError
from engine.apiserver.schema.node import of_kind
from engine.apiserver.strategic_patch import strategic_merge_patch


def patch_pod_spec(spec: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A Pod's spec after a strategic merge patch of the spec."""
    node = of_kind("", "v1", "Pod")
    assert node is not None
    patched: dict[str, Any] = strategic_merge_patch({"spec": spec}, {"spec": patch}, node)["spec"]
    return patched


def containers(*names: str) -> list[dict[str, Any]]:
    """Containers of these names whose image is their name."""
    return [{"name": name, "image": name} for name in names]


def names(spec: dict[str, Any]) -> list[str]:
    """The names of a spec's containers, in order."""
    return [container["name"] for container in spec["containers"]]


def test_an_item_with_the_same_key_is_merged() -> None:
    """Only what the patch names changes in a container that is there."""
    spec = patch_pod_spec(
        {"containers": [{"name": "a", "image": "x", "tty": True}]},
        {"containers": [{"name": "a", "image": "y"}]},
    )

    assert spec["containers"] == [{"name": "a", "image": "y", "tty": True}]


def test_a_new_container_goes_in_front() -> None:
    """The documented example: the patch adds a second container beside the first."""
    spec = patch_pod_spec(
        {"containers": [{"name": "patch-demo-ctr", "image": "nginx"}]},
        {"containers": [{"name": "patch-demo-ctr-2", "image": "redis"}]},
    )

    assert names(spec) == ["patch-demo-ctr-2", "patch-demo-ctr"]


def test_a_list_without_a_strategy_is_replaced() -> None:
    """The documented example: tolerations have no merge key."""
    spec = patch_pod_spec(
        {"tolerations": [{"key": "dedicated", "value": "test-team"}]},
        {"tolerations": [{"key": "disktype", "value": "ssd"}]},
    )

    assert spec["tolerations"] == [{"key": "disktype", "value": "ssd"}]


def test_scalars_that_merge_are_added_once() -> None:
    """Finalizers of the patch join those that are there."""
    node = of_kind("", "v1", "Pod")
    assert node is not None

    patched = strategic_merge_patch(
        {"metadata": {"finalizers": ["a", "b"]}}, {"metadata": {"finalizers": ["b", "c"]}}, node
    )

    assert sorted(patched["metadata"]["finalizers"]) == ["a", "b", "c"]


def test_scalars_can_be_deleted_from_a_list() -> None:
    """$deleteFromPrimitiveList takes out what it names."""
    node = of_kind("", "v1", "Pod")
    assert node is not None

    patched = strategic_merge_patch(
        {"metadata": {"finalizers": ["a", "b", "c"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "x"]}},
        node,
    )

    assert patched == {"metadata": {"finalizers": ["b", "c"]}}


def test_null_removes_a_field() -> None:
    """A null in the patch deletes, at any depth."""
    spec = patch_pod_spec(
        {"nodeName": "n", "securityContext": {"runAsUser": 1, "fsGroup": 2}},
        {"nodeName": None, "securityContext": {"runAsUser": None}},
    )

    assert spec == {"securityContext": {"fsGroup": 2}}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param([{"$patch": "delete", "name": "b"}], ["a", "c"], id="delete one"),
        pytest.param(
            [{"$patch": "delete", "name": "b"}, {"name": "d"}], ["d", "a", "c"], id="and add"
        ),
        pytest.param([{"$patch": "replace"}, {"name": "d"}], ["d"], id="replace all"),
        pytest.param([{"$patch": "replace"}], [], id="clear"),
        pytest.param([{"$patch": "delete", "name": "x"}], ["a", "b", "c"], id="delete none"),
    ],
)
def test_directives_in_a_list(patch: list[dict[str, Any]], expected: list[str]) -> None:
    """$patch in an item deletes that item, or replaces the whole list."""
    spec = patch_pod_spec({"containers": containers("a", "b", "c")}, {"containers": patch})

    assert names(spec) == expected


def test_replace_in_a_map_takes_the_patch_as_it_is() -> None:
    """$patch: replace leaves nothing of what was there."""
    spec = patch_pod_spec(
        {"securityContext": {"runAsUser": 1}},
        {"securityContext": {"$patch": "replace", "fsGroup": 2}},
    )

    assert spec["securityContext"] == {"fsGroup": 2}


def test_delete_in_a_map_empties_it() -> None:
    """$patch: delete leaves an empty map."""
    spec = patch_pod_spec(
        {"securityContext": {"runAsUser": 1}}, {"securityContext": {"$patch": "delete"}}
    )

    assert spec["securityContext"] == {}


def test_retain_keys_clears_what_it_does_not_list() -> None:
    """The documented example: a strategy changed to Recreate loses its rollingUpdate."""
    node = of_kind("apps", "v1", "Deployment")
    assert node is not None

    patched = strategic_merge_patch(
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
        node,
    )

    assert patched == {"spec": {"strategy": {"type": "Recreate"}}}


def test_retain_keys_must_list_what_the_patch_sets() -> None:
    """A patch that sets a field it does not retain contradicts itself."""
    with pytest.raises(BadRequestError):
        patch_pod_spec(
            {"securityContext": {"runAsUser": 0}},
            {"securityContext": {"$retainKeys": ["fsGroup"], "runAsUser": 1}},
        )


@pytest.mark.parametrize(
    ("before", "patch", "order", "expected"),
    [
        pytest.param("abc", "", "cba", "cba", id="reorder only"),
        pytest.param("ab", "c", "acb", "acb", id="insert between"),
        pytest.param("axb", "c", "cab", "caxb", id="an item of the server keeps its place"),
        pytest.param("abx", "", "ba", "bax", id="an item of the server stays behind"),
        pytest.param("", "ab", "ab", "ab", id="new list"),
    ],
)
def test_set_element_order(before: str, patch: str, order: str, expected: str) -> None:
    """$setElementOrder arranges the items it names and leaves the others where they were."""
    fields: dict[str, Any] = {"$setElementOrder/containers": [{"name": name} for name in order]}
    if patch:
        fields["containers"] = containers(*patch)

    spec = patch_pod_spec({"containers": containers(*before)} if before else {}, fields)

    assert "".join(names(spec)) == expected


def test_a_patch_out_of_its_own_order_is_refused() -> None:
    """The list of the patch must follow its $setElementOrder."""
    with pytest.raises(BadRequestError, match="does not match"):
        patch_pod_spec(
            {},
            {
                "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}],
                "containers": containers("b", "a"),
            },
        )


def test_what_kubectl_apply_sends_is_understood() -> None:
    """The three-way patch of a changed image and a removed variable."""
    spec = patch_pod_spec(
        {
            "containers": [
                {
                    "name": "web",
                    "image": "demo:v1",
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                }
            ]
        },
        {
            "$setElementOrder/containers": [{"name": "web"}],
            "containers": [
                {
                    "$setElementOrder/env": [{"name": "B"}],
                    "env": [{"$patch": "delete", "name": "A"}],
                    "image": "demo:v2",
                    "name": "web",
                }
            ],
        },
    )

    assert spec == {
        "containers": [{"name": "web", "image": "demo:v2", "env": [{"name": "B", "value": "2"}]}]
    }


def test_directives_never_reach_the_object() -> None:
    """A part that is new to the object is taken without its directives."""
    spec = patch_pod_spec(
        {},
        {
            "securityContext": {"$retainKeys": ["runAsUser"], "runAsUser": 1},
            "volumes": [{"name": "a", "emptyDir": {}}, {"$patch": "delete", "name": "b"}],
        },
    )

    assert spec == {
        "securityContext": {"runAsUser": 1},
        "volumes": [{"name": "a", "emptyDir": {}}],
    }


def test_an_item_without_its_key_is_refused() -> None:
    """Nobody can tell which container is meant."""
    with pytest.raises(InvalidError, match="merge key: name"):
        patch_pod_spec({"containers": containers("a")}, {"containers": [{"image": "x"}]})
