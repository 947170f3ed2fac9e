"""Custom resources: what their schema allows, fills in and drops; their subresources."""

from typing import Any

import attrs
import pytest

from engine.api.autoscaling import ScaleSpec
from engine.api.codec import encode
from engine.api.frozen import FrozenDict, freeze
from engine.apiserver.errors import BadRequestError, InvalidError, UnsupportedMediaTypeError
from engine.apiserver.request import PatchBody, WatchEvent
from engine.apiserver.resource_schema import read_as
from engine.apiserver.server import ApiServer
from engine.apiserver.storage import at_revision
from engine.apiserver.table import table
from tests.engine.apiserver.conftest import REQUEST
from tests.engine.apiserver.customresources.conftest import CRON_TAB, CRON_TAB_V2, cron_tab

WIRE: dict[str, Any] = {
    "apiVersion": "stable.example.com/v1",
    "kind": "CronTab",
    "metadata": {"name": "one"},
    "spec": {"cron": "* * *", "colr": "red", "extra": {"any": {"thing": 1}}, "port": "http"},
}


def patch(server: ApiServer, type_: str, data: Any, **rest: Any) -> Any:
    """Patch the CronTab one."""
    body = PatchBody(type=f"application/{type_}", data=data, field_manager="me")
    return server.patch(CRON_TAB, "one", namespace="default", patch=body, request=REQUEST, **rest)


def test_unknown_fields_are_dropped_and_told(crons: ApiServer) -> None:
    """What the schema keeps is kept; a typo comes with the field that was meant."""
    reading = read_as(crons.scheme.resource_of(CRON_TAB), WIRE, field_validation="Warn")

    assert reading.value["spec"] == {
        "cron": "* * *",
        "extra": {"any": {"thing": 1}},
        "port": "http",
        "image": "busybox",
        "replicas": 1,
    }
    assert reading.warnings == ('unknown field "spec.colr" (did you mean "color"?)',)


def test_a_strict_request_refuses_unknown_fields(crons: ApiServer) -> None:
    """The path of the field is named."""
    with pytest.raises(BadRequestError, match=r'strict decoding error: unknown field "spec\.colr"'):
        read_as(crons.scheme.resource_of(CRON_TAB), WIRE, field_validation="Strict")


def test_values_are_validated(crons: ApiServer) -> None:
    """In the words of kube-apiserver."""
    with pytest.raises(InvalidError) as refused:
        crons.create(cron_tab(cron="x", replicas=11), request=REQUEST)

    said = [str(cause) for cause in refused.value.details["causes"]]
    assert said[0] == (
        'spec.cron: Invalid value: "x": spec.cron in body should be at least 3 chars long'
    )
    assert said[1].endswith("spec.replicas in body should be less than or equal to 10")


def test_every_version_shows_every_object(crons: ApiServer) -> None:
    """An object written in one version is read, listed and watched in the other."""
    seen: list[WatchEvent] = []
    crons.watch(CRON_TAB_V2, deliver=seen.append, request=REQUEST)

    crons.create(cron_tab(), request=REQUEST)
    crons.loop.run_for(0.1)

    found = crons.get(CRON_TAB_V2, "one", namespace="default", request=REQUEST)
    assert encode(found)["apiVersion"] == "stable.example.com/v2"
    assert [encode(event.obj)["apiVersion"] for event in seen] == ["stable.example.com/v2"]


def test_the_status_is_a_subresource(crons: ApiServer) -> None:
    """A write of the object leaves the status, a write of the status leaves all else."""
    made = crons.create(cron_tab(), request=REQUEST)
    changed = attrs.evolve(
        made,
        extra=freeze({"spec": {"cron": "1 1 1"}, "status": {"replicas": 2}}),
    )

    by_status = crons.update(changed, subresource="status", request=REQUEST)
    by_main = crons.update(attrs.evolve(changed, metadata=by_status.metadata), request=REQUEST)

    assert by_status.extra["spec"]["cron"] == "* * *"
    assert by_status.extra["status"] == {"replicas": 2}
    assert by_status.metadata.generation == 1
    assert by_main.extra["spec"]["cron"] == "1 1 1"
    assert by_main.metadata.generation == 2


def test_the_scale_is_where_the_definition_says(crons: ApiServer) -> None:
    """Read and set by its paths."""
    crons.create(cron_tab(replicas=2), request=REQUEST)

    scale = crons.get_scale(CRON_TAB, "one", namespace="default", request=REQUEST)
    wanted = attrs.evolve(scale, spec=ScaleSpec(replicas=5))
    crons.update_scale(CRON_TAB, wanted, request=REQUEST)

    assert scale.spec.replicas == 2
    found = crons.get(CRON_TAB, "one", namespace="default", request=REQUEST)
    assert found.extra["spec"]["replicas"] == 5


def test_fields_can_be_selected_by(crons: ApiServer) -> None:
    """Those the definition names, no others."""
    crons.create(cron_tab("one", color="red"), request=REQUEST)
    crons.create(cron_tab("two", color="blue"), request=REQUEST)

    found = crons.list(CRON_TAB, field_selector="spec.color=red", request=REQUEST)

    assert [one.metadata.name for one in found.items] == ["one"]
    with pytest.raises(BadRequestError, match=r"field label not supported: spec\.cron"):
        crons.list(CRON_TAB, field_selector="spec.cron=x", request=REQUEST)


def test_tables_have_the_columns_of_the_definition(crons: ApiServer) -> None:
    """Name first; another version without columns has the age."""
    made = crons.create(cron_tab(), request=REQUEST)

    shown = table(crons.scheme.resource_of(CRON_TAB), [made], now=crons.loop.now + 60)
    other = table(crons.scheme.resource_of(CRON_TAB_V2), [], now=0)

    assert [one["name"] for one in shown["columnDefinitions"]] == ["Name", "Cron", "Age"]
    assert shown["rows"][0]["cells"] == ("one", "* * *", "60s")
    assert [one["name"] for one in other["columnDefinitions"]] == ["Name", "Age"]


def test_no_strategic_merge_patch(crons: ApiServer) -> None:
    """Merge patches are taken; strategic ones are refused with what is allowed."""
    crons.create(cron_tab(), request=REQUEST)

    patched = patch(crons, "merge-patch+json", {"spec": {"color": "red", "odd": 1}})

    assert patched.extra["spec"] == FrozenDict(
        cron="* * *", color="red", image="busybox", replicas=1
    )
    with pytest.raises(UnsupportedMediaTypeError, match=r"application/merge-patch\+json"):
        patch(crons, "strategic-merge-patch+json", {"spec": {}})


def test_what_was_there_before_a_rule_came_is_let_pass(crons: ApiServer) -> None:
    """A field that breaks a newer rule stays as long as nobody changes it."""
    made = crons.create(cron_tab(), request=REQUEST)
    resource = crons.scheme.resource_of(CRON_TAB)
    bad = attrs.evolve(made, extra=freeze({"spec": {"cron": "x"}}))
    bad = at_revision(bad, crons.store.revision + 1)
    key = f"/registry/{resource.group}/crontabs/default/one".encode()
    crons.store.put(key, bad)

    labelled = patch(crons, "merge-patch+json", {"metadata": {"labels": {"a": "b"}}})

    assert labelled.metadata.labels == {"a": "b"}
    with pytest.raises(InvalidError):
        patch(crons, "merge-patch+json", {"spec": {"cron": "y"}})
