"""The discovery documents: what clients learn about the resources of a server."""

from typing import Any

import pytest

from engine.api.scheme import SCHEME, Resource
from engine.apiserver.discovery import (
    aggregated,
    aggregated_version,
    api_group,
    api_group_list,
    api_resource_list,
    version_rank,
)

PODS = Resource(
    group="",
    version="v1",
    kind="Pod",
    plural="pods",
    singular="pod",
    short_names=("po",),
    namespaced=True,
    categories=("all",),
    verbs=("get", "list"),
    subresources=("log", "status", "eviction"),
)
SCALED = [
    Resource(
        group="autoscaling",
        version=version,
        kind="HorizontalPodAutoscaler",
        plural="horizontalpodautoscalers",
        singular="horizontalpodautoscaler",
    )
    for version in ("v1", "v2")
]


def by_name(entries: list[dict[str, Any]], key: str = "name") -> dict[str, dict[str, Any]]:
    """The entries of a list by one of their fields."""
    return {entry[key]: entry for entry in entries}


def test_a_resource_is_listed_with_its_names_and_verbs() -> None:
    """A client learns from the list how a resource may be called and what it can do."""
    answer = api_resource_list([PODS], "", "v1")

    assert answer is not None
    assert answer["groupVersion"] == "v1"
    assert by_name(answer["resources"])["pods"] == {
        "name": "pods",
        "singularName": "pod",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["get", "list"],
        "shortNames": ["po"],
        "categories": ["all"],
    }


def test_a_subresource_says_which_kind_it_takes() -> None:
    """Eviction belongs to another group, and kubectl drain looks for exactly that."""
    answer = api_resource_list([PODS], "", "v1")

    assert answer is not None
    assert by_name(answer["resources"])["pods/eviction"] == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }


def test_the_newest_stable_version_is_preferred() -> None:
    """A group offers its versions in the order Kubernetes ranks them."""
    group = api_group(SCALED, "autoscaling")

    assert group is not None
    assert group["preferredVersion"]["version"] == "v2"
    assert [one["version"] for one in group["versions"]] == ["v2", "v1"]


def test_the_core_group_is_not_among_the_named_ones() -> None:
    """``/apis`` lists named groups only."""
    answer = api_group_list([PODS, *SCALED])

    assert [group["name"] for group in answer["groups"]] == ["autoscaling"]


def test_what_is_not_served_is_none() -> None:
    """An unknown group or version has no document."""
    assert api_group([PODS], "apps") is None
    assert api_resource_list([PODS], "", "v2") is None


def test_ranks_follow_maturity_and_number() -> None:
    """Stable comes before beta before alpha, and newer before older."""
    versions = ["v1alpha1", "foo", "v1", "v2beta1", "v10", "v2", "v1beta2"]

    assert sorted(versions, key=version_rank) == [
        "v10",
        "v2",
        "v1",
        "v2beta1",
        "v1beta2",
        "v1alpha1",
        "foo",
    ]


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        pytest.param("application/json", None, id="plain"),
        pytest.param(
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
            "application/json",
            "v2",
            id="kubectl 1.30 and later",
        ),
        pytest.param(
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
            "application/json",
            "v2beta1",
            id="kubectl 1.27",
        ),
        pytest.param(
            "application/json;as=Table;v=v1;g=meta.k8s.io", None, id="another form of another group"
        ),
    ],
)
def test_the_accept_header_chooses_the_form(accept: str, version: str | None) -> None:
    """Clients name the forms they read, the best one first."""
    assert aggregated_version(accept) == version


def test_the_aggregated_form_says_the_same_as_the_lists() -> None:
    """Every resource and subresource of the lists is in the aggregated documents, and no other."""
    resources = list(SCHEME)
    items = [
        *aggregated(resources, core=True)["items"],
        *aggregated(resources, core=False)["items"],
    ]

    found = set()
    for item in items:
        group = item["metadata"].get("name", "")
        for version in item["versions"]:
            for resource in version["resources"]:
                found.add((group, version["version"], resource["resource"]))
                for sub in resource.get("subresources", ()):
                    name = f"{resource['resource']}/{sub['subresource']}"
                    found.add((group, version["version"], name))

    listed = set()
    for group, version in {(one.group, one.version) for one in resources}:
        answer = api_resource_list(resources, group, version)
        assert answer is not None
        listed |= {(group, version, entry["name"]) for entry in answer["resources"]}
    assert found == listed
