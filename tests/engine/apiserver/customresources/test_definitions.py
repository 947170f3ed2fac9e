"""CustomResourceDefinitions: what they must be, what becomes of them, what they serve."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode_as, encode
from engine.api.frozen import freeze
from engine.api.scheme import Scheme
from engine.apiserver.errors import InvalidError, MethodNotAllowedError, NotFoundError
from engine.apiserver.request import DeleteOptions
from engine.apiserver.server import ApiServer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from tests.engine.apiserver.conftest import REQUEST
from tests.engine.apiserver.customresources.conftest import (
    CRON_TAB,
    CRON_TAB_V2,
    DEFINITION,
    GROUP,
    cron_tab,
    definition,
    version,
)

NAME = f"crontabs.{GROUP}"


def read(server: ApiServer, name: str = NAME) -> dict[str, Any]:
    """A definition in wire form."""
    assert DEFINITION is not None
    return encode(server.get(DEFINITION, name, request=REQUEST))


def conditions(server: ApiServer, name: str = NAME) -> dict[str, tuple[str, str]]:
    """The conditions of a definition: type, then status and reason."""
    return {
        one["type"]: (one["status"], one["reason"])
        for one in read(server, name)["status"]["conditions"]
    }


def served(scheme: Scheme) -> list[str]:
    """The versions of CronTabs that are served."""
    return [one.version for one in scheme if one.plural == "crontabs"]


def test_a_definition_is_established_and_served(crons: ApiServer) -> None:
    """Names are accepted, both versions are there, the one that is stored is remembered."""
    assert conditions(crons) == {
        "NamesAccepted": ("True", "NoConflicts"),
        "Established": ("True", "InitialNamesAccepted"),
    }
    status = read(crons)["status"]
    assert status["storedVersions"] == ("v1",)
    assert status["acceptedNames"]["listKind"] == "CronTabList"
    assert served(crons.scheme) == ["v1", "v2"]


def test_names_that_are_taken_are_not_accepted(crons: ApiServer) -> None:
    """A second definition of the group with the same kind waits until the first is gone."""
    other = definition(names={"plural": "tabs", "kind": "CronTab", "singular": "tab"})
    other = attrs.evolve(other, metadata=attrs.evolve(other.metadata, name=f"tabs.{GROUP}"))

    crons.create(other, request=REQUEST)
    crons.loop.run_for(0.1)

    assert conditions(crons, f"tabs.{GROUP}") == {
        "NamesAccepted": ("False", "ListKindConflict"),
        "Established": ("False", "NotAccepted"),
    }


def test_deleting_a_definition_deletes_its_objects(crons: ApiServer) -> None:
    """It stays, terminating, while an object is held by a finalizer; nothing new can be made."""
    held = cron_tab("held")
    held = attrs.evolve(held, metadata=attrs.evolve(held.metadata, finalizers=("a.b/c",)))
    crons.create(held, request=REQUEST)
    crons.create(cron_tab("free"), request=REQUEST)
    assert DEFINITION is not None

    crons.delete(DEFINITION, NAME, options=DeleteOptions(), request=REQUEST)
    crons.loop.run_for(0.1)

    assert conditions(crons)["Terminating"] == ("True", "InstanceDeletionInProgress")
    left = crons.list(CRON_TAB, request=REQUEST).items
    assert [one.metadata.name for one in left] == ["held"]
    with pytest.raises(MethodNotAllowedError):
        crons.create(cron_tab("late"), request=REQUEST)

    freed = attrs.evolve(left[0], metadata=attrs.evolve(left[0].metadata, finalizers=()))
    crons.update(freed, request=REQUEST)
    crons.loop.run_for(2.0)

    with pytest.raises(NotFoundError):
        read(crons)
    assert served(crons.scheme) == []


def test_a_version_that_is_served_no_longer_goes(crons: ApiServer) -> None:
    """The scheme follows every change of the definition."""
    value = read(crons)
    versions = [
        one.with_items({"served": one["name"] == "v1"}) for one in value["spec"]["versions"]
    ]
    assert DEFINITION is not None
    changed = {**value, "spec": value["spec"].with_items({"versions": freeze(versions)})}

    crons.update(decode_as(DEFINITION, changed), request=REQUEST)

    assert served(crons.scheme) == ["v1"]
    with pytest.raises(NotFoundError):
        crons.list(CRON_TAB_V2, request=REQUEST)


def test_a_new_server_over_the_same_store_serves_the_same(crons: ApiServer) -> None:
    """What is served follows from what is stored."""
    crons.create(cron_tab(), request=REQUEST)

    other = ApiServer(Loop(now=crons.loop.now), crons.store, RandomStreams(8))

    assert served(other.scheme) == ["v1", "v2"]
    assert other.get(CRON_TAB, "one", namespace="default", request=REQUEST).key == "default/one"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"group": "example"}, "spec.group", id="a group without a dot"),
        pytest.param({"scope": "Everywhere"}, "spec.scope", id="an unknown scope"),
        pytest.param(
            {"names": {"plural": "CronTabs", "kind": "CronTab"}}, "spec.names.plural", id="case"
        ),
        pytest.param({"versions": [version("v1")]}, "spec.versions", id="nothing is stored"),
        pytest.param(
            {"versions": [version("v1", storage=True, schema={})]},
            "spec.versions[0].schema.openAPIV3Schema",
            id="no schema",
        ),
        pytest.param(
            {"versions": [version("v1", storage=True, selectableFields=[{"jsonPath": ".spec.x"}])]},
            "spec.versions[0].selectableFields[0].jsonPath",
            id="a selectable field that is not there",
        ),
        pytest.param(
            {"versions": [version("v1", storage=True, additionalPrinterColumns=[{"name": "A"}])]},
            "spec.versions[0].additionalPrinterColumns[0].type",
            id="a column without a type",
        ),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(
    server: ApiServer, changes: dict[str, Any], field: str
) -> None:
    """The field at fault is named."""
    with pytest.raises(InvalidError) as refused:
        server.create(definition(**changes), request=REQUEST)

    assert field in [cause.field for cause in refused.value.details["causes"]]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        pytest.param({"type": "string"}, "type", id="root is no object"),
        pytest.param(
            {"type": "object", "properties": {"a": {}}}, "properties[a].type", id="no type"
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"type": "array"}}},
            "properties[a].items",
            id="no items",
        ),
        pytest.param(
            {"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}},
            "properties[a].default",
            id="a default of another type",
        ),
        pytest.param(
            {"type": "object", "anyOf": [{"type": "object"}]}, "anyOf[0].type", id="junctor"
        ),
        pytest.param(
            {"type": "object", "properties": {"metadata": {"type": "object", "nullable": True}}},
            "properties[metadata]",
            id="metadata",
        ),
    ],
)
def test_a_schema_must_be_structural(server: ApiServer, schema: dict[str, Any], field: str) -> None:
    """The place in the schema is named."""
    crd = definition(
        versions=[version("v1", storage=True, schema={"openAPIV3Schema": schema}, subresources={})]
    )

    with pytest.raises(InvalidError) as refused:
        server.create(crd, request=REQUEST)

    place = f"spec.versions[0].schema.openAPIV3Schema.{field}"
    assert place in [cause.field for cause in refused.value.details["causes"]]
