"""Server-side apply: merging, ownership, conflicts, and taking back what was applied."""

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.apply import CLIENT_SIDE_APPLY, LAST_APPLIED, UNTRACKED, apply
from engine.apiserver.errors import ApiError, BadRequestError, ConflictError
from engine.apiserver.fieldpaths import paths
from engine.apiserver.managed_fields import (
    ANCIENT,
    MAX_UPDATERS,
    Manager,
    read_managers,
    track_update,
)
from engine.apiserver.schema.node import Node, of_kind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["metadata", "spec", "template", "containers", "name", "labels", "finalizers"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def node(kind: str = "Deployment", group: str = "apps") -> Node:
    """The schema of a kind of version v1."""
    found = of_kind(group, "v1", kind)
    assert found is not None
    return found


def applier(name: str, api_version: str = "apps/v1") -> Manager:
    """Somebody who applies."""
    return Manager(name=name, operation="Apply", api_version=api_version)


def updater(name: str, subresource: str = "") -> Manager:
    """Somebody who updates."""
    return Manager(name=name, operation="Update", api_version="apps/v1", subresource=subresource)


def deployment(**spec: Any) -> dict[str, Any]:
    """A Deployment with this spec."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": spec,
    }


def with_containers(*containers: dict[str, Any]) -> dict[str, Any]:
    """A Deployment with these containers."""
    return deployment(template={"spec": {"containers": list(containers)}})


def applied(
    live: dict[str, Any] | None,
    config: dict[str, Any],
    by: str = "alice",
    *,
    force: bool = False,
    now: str = "2026-01-01T00:00:00Z",
) -> dict[str, Any]:
    """The object after an apply."""
    return apply(live, config, manager=applier(by), node=node(), now=now, force=force)


def updated(
    live: dict[str, Any] | None, new: dict[str, Any], by: str = "controller", subresource: str = ""
) -> dict[str, Any]:
    """The object after an update."""
    manager = updater(by, subresource)
    return track_update(live, new, manager=manager, node=node(), now="2026-01-01T00:00:00Z")


def owners(document: dict[str, Any]) -> dict[str, set[str]]:
    """The paths each manager owns."""
    return {
        manager.name: set(paths(owned.fields)) for manager, owned in read_managers(document).items()
    }


def containers_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of a Deployment."""
    found: list[dict[str, Any]] = document["spec"]["template"]["spec"]["containers"]
    return found


def test_the_first_apply_creates_the_object() -> None:
    """What is applied is there, and its author owns it, but not what names the object."""
    created = applied(None, deployment(replicas=1))

    assert created["spec"] == {"replicas": 1}
    assert created["metadata"]["managedFields"] == [
        {
            "manager": "alice",
            "operation": "Apply",
            "apiVersion": "apps/v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }
    ]


def test_authors_of_different_fields_do_not_meet() -> None:
    """Two people may apply different fields, and both stay."""
    live = applied(applied(None, deployment(replicas=1)), deployment(paused=True), "bob")

    assert live["spec"] == {"replicas": 1, "paused": True}
    assert owners(live) == {"alice": {".spec.replicas"}, "bob": {".spec.paused"}}


def test_another_value_is_a_conflict() -> None:
    """The error names the owner and the field, in the message and as a cause."""
    live = applied(None, deployment(replicas=1))

    with pytest.raises(ConflictError) as refused:
        applied(live, deployment(replicas=2), "bob")

    status = refused.value.status()
    assert status["code"] == 409
    assert (
        status["message"] == 'Apply failed with 1 conflict: conflict with "alice": .spec.replicas'
    )
    assert status["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "alice"',
            "field": ".spec.replicas",
        }
    ]


def test_all_conflicts_are_listed() -> None:
    """Every field in conflict is named, under its owner."""
    live = updated(None, deployment(replicas=1, paused=False), "kubectl-create")

    with pytest.raises(ConflictError) as refused:
        applied(live, deployment(replicas=2, paused=True), "bob")

    assert refused.value.message == (
        "Apply failed with 2 conflicts: "
        'conflicts with "kubectl-create" using apps/v1 at 2026-01-01T00:00:00Z:\n'
        "- .spec.paused\n"
        "- .spec.replicas"
    )


def test_force_takes_the_field_over() -> None:
    """The value changes, and so does its owner; the other one keeps the rest."""
    live = applied(None, deployment(replicas=1, paused=True))

    live = applied(live, deployment(replicas=2), "bob", force=True)

    assert live["spec"] == {"replicas": 2, "paused": True}
    assert owners(live) == {"alice": {".spec.paused"}, "bob": {".spec.replicas"}}


def test_the_same_value_is_shared() -> None:
    """Two authors who agree own the field together; one can leave it without removing it."""
    live = applied(applied(None, deployment(replicas=1)), deployment(replicas=1), "bob")
    assert owners(live) == {"alice": {".spec.replicas"}, "bob": {".spec.replicas"}}

    live = applied(live, deployment(), "bob")

    assert live["spec"] == {"replicas": 1}
    assert owners(live)["alice"] == {".spec.replicas"}


def test_what_is_no_longer_stated_is_removed() -> None:
    """A field that only its author owned goes when he leaves it out."""
    live = applied(None, deployment(replicas=1, paused=True))

    live = applied(live, deployment(replicas=1))

    assert live["spec"] == {"replicas": 1}


def test_what_others_filled_in_stays() -> None:
    """Defaults and fields of others survive an apply that never stated them."""
    live = applied(None, deployment(replicas=1))
    live = updated(live, {**live, "spec": {"replicas": 1, "progressDeadlineSeconds": 600}})

    live = applied(live, deployment())

    assert live["spec"] == {"progressDeadlineSeconds": 600}


def test_items_of_a_keyed_list_have_owners_of_their_own() -> None:
    """A sidecar that somebody else applied stays when the first author changes his container."""
    live = applied(None, with_containers({"name": "web", "image": "a"}))
    live = applied(live, with_containers({"name": "proxy", "image": "p"}), "mesh")
    live = applied(live, with_containers({"name": "web", "image": "b"}))

    assert containers_of(live) == [
        {"name": "web", "image": "b"},
        {"name": "proxy", "image": "p"},
    ]


def test_an_item_no_longer_stated_is_removed_with_its_defaults() -> None:
    """The item goes as a whole, with what nobody owns in it."""
    live = applied(None, with_containers({"name": "web"}, {"name": "old"}))
    containers_of(live)[1]["imagePullPolicy"] = "Always"

    live = applied(live, with_containers({"name": "web"}))

    assert containers_of(live) == [{"name": "web"}]


def test_the_author_s_order_wins_among_his_items() -> None:
    """Items of others keep their place between them."""
    live = applied(None, with_containers({"name": "a"}, {"name": "b"}))
    live = applied(live, with_containers({"name": "x"}), "mesh")

    live = applied(live, with_containers({"name": "b"}, {"name": "a"}))

    assert [one["name"] for one in containers_of(live)] == ["b", "a", "x"]


def test_an_atomic_list_is_replaced() -> None:
    """Arguments belong together."""
    live = applied(None, with_containers({"name": "web", "args": ["a", "b"]}))

    live = applied(live, with_containers({"name": "web", "args": ["c"]}))

    assert containers_of(live)[0]["args"] == ["c"]


def test_applying_the_same_again_changes_nothing() -> None:
    """Not even the time: no write, no new revision."""
    live = applied(None, with_containers({"name": "web", "image": "a"}))

    again = applied(
        live, with_containers({"name": "web", "image": "a"}), now="2026-02-02T00:00:00Z"
    )

    assert again == live


def test_what_makes_no_difference_when_stored_is_no_change() -> None:
    """A false that the stored form leaves away is owned, but is no change the second time."""

    def settle(document: dict[str, Any]) -> dict[str, Any]:
        spec = {key: part for key, part in document["spec"].items() if part is not False}
        return {**document, "spec": spec}

    def once(live: dict[str, Any] | None, now: str) -> dict[str, Any]:
        return apply(
            live,
            deployment(replicas=1, paused=False),
            manager=applier("a"),
            node=node(),
            now=now,
            settle=settle,
        )

    live = once(None, "2026-01-01T00:00:00Z")

    assert live["spec"] == {"replicas": 1}
    assert once(live, "2026-02-02T00:00:00Z") == live


def test_an_update_takes_over_what_it_changes() -> None:
    """A scale owns the replicas afterwards, and the next apply conflicts with it."""
    live = applied(None, deployment(replicas=1, paused=False))

    live = updated(live, {**live, "spec": {"replicas": 5, "paused": False}}, "kubectl", "scale")

    assert owners(live) == {"alice": {".spec.paused"}, "kubectl": {".spec.replicas"}}
    with pytest.raises(ConflictError, match='"kubectl" with subresource "scale" using apps/v1'):
        applied(live, deployment(replicas=1, paused=False))


def test_an_update_without_changes_keeps_the_managers() -> None:
    """A controller that writes the same again is recorded nowhere."""
    live = applied(None, deployment(replicas=1))

    assert updated(live, live) == live


def test_a_field_that_is_removed_is_nobody_s() -> None:
    """Ownership goes with the field."""
    live = applied(None, deployment(replicas=1, paused=True))

    live = updated(live, {**live, "spec": {"replicas": 1}})

    assert owners(live) == {"alice": {".spec.replicas"}}


@pytest.mark.parametrize("reset", [[], [{}]])
def test_managers_can_be_cleared(reset: list[Any]) -> None:
    """An empty list, or one empty entry, forgets who owned what."""
    live = applied(None, deployment(replicas=1))

    cleared = updated(live, {**live, "metadata": {"name": "web", "managedFields": reset}})

    assert "managedFields" not in cleared["metadata"]


def test_a_client_that_knows_no_managers_loses_none() -> None:
    """An update without managedFields keeps those of the stored object."""
    live = applied(None, deployment(replicas=1))

    kept = updated(live, deployment(replicas=1))

    assert kept == live


def test_what_was_there_before_the_first_apply_has_an_owner() -> None:
    """An object nobody tracked has an owner all the same, so that nothing is lost silently."""
    with pytest.raises(ConflictError, match=f'conflict with "{UNTRACKED}" using apps/v1'):
        applied(deployment(replicas=1), deployment(replicas=2))


def test_what_client_side_apply_stated_is_its_own() -> None:
    """What it stated and still holds is its, so that kubectl can move it to server-side apply."""
    config = deployment(replicas=1, paused=True)
    live = deployment(replicas=5, paused=True, minReadySeconds=3)
    live["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(config), "x": "y"}

    found = owners(applied(live, deployment(revisionHistoryLimit=2)))

    assert found[CLIENT_SIDE_APPLY] == {".spec.paused", f".metadata.annotations.{LAST_APPLIED}"}
    assert found[UNTRACKED] == {
        ".spec.replicas",
        ".spec.minReadySeconds",
        ".metadata.annotations",
        ".metadata.annotations.x",
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"spec":[1]}', "1"])
def test_a_spoilt_annotation_does_no_harm(text: str) -> None:
    """Whatever somebody wrote into the annotation, the apply goes through."""
    live = deployment(replicas=1)
    live["metadata"]["annotations"] = {LAST_APPLIED: text}

    assert applied(live, deployment(replicas=1))["spec"] == {"replicas": 1}


def test_managers_that_update_are_capped() -> None:
    """The oldest of too many managers are joined into one."""
    live: dict[str, Any] = {}
    for number in range(MAX_UPDATERS + 3):
        labels = {**live.get("metadata", {}).get("labels", {}), f"l{number}": "x"}
        live = updated(
            live, {"metadata": {**live.get("metadata", {}), "labels": labels}}, f"m{number:02}"
        )

    found = owners(live)

    assert len(found) == MAX_UPDATERS
    assert {".metadata.labels.l0", ".metadata.labels.l3"} <= found[ANCIENT]


def test_managed_fields_cannot_be_applied() -> None:
    """Ownership is the server's to say."""
    config = deployment()
    config["metadata"]["managedFields"] = [{"manager": "x"}]

    with pytest.raises(BadRequestError, match="must be nil"):
        applied(None, config)


@given(live=JSON, config=JSON, kind=st.sampled_from([("Deployment", "apps"), ("Pod", "")]))
def test_nothing_breaks_an_apply(live: Any, config: Any, kind: tuple[str, str]) -> None:
    """Any two objects merge or are refused, and neither of them is changed."""
    live, config = {"spec": live}, {"spec": config}
    before = copy.deepcopy((live, config))

    with contextlib.suppress(ApiError):
        result = apply(live, config, manager=applier("a"), node=node(*kind), now="", force=True)
        again = apply(result, config, manager=applier("a"), node=node(*kind), now="", force=True)
        assert again == result

    assert (live, config) == before
