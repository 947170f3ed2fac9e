"""Pods near to, far from and spread among others, case by case.

Source: kubernetes.io/docs, "Assigning Pods to Nodes" and "Pod Topology Spread Constraints", v1.34.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from engine.api.codec import decode_as
from engine.api.core import Service
from engine.api.frozen import FrozenDict
from engine.api.meta import LabelSelector
from engine.api.selectors import from_label_selector
from engine.scheduler.node_table import ZONE, NodeTable
from engine.scheduler.pod_info import PodInfo
from engine.scheduler.spread_constraints import constraints_of
from tests.engine.scheduler.objects import a_decider, a_node, a_pod, a_profile, a_table

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _zones(**zones: str) -> NodeTable:
    return a_table(*(a_node(name, labels={ZONE: zone}) for name, zone in zones.items()))


def _passing(info: PodInfo, table: NodeTable) -> list[str]:
    decision = a_decider(table).decide(info, a_profile(), attempt=1, now=0.0)
    return [table.names[row] for row in decision.candidates]


def _reasons(info: PodInfo, table: NodeTable) -> dict[str, tuple[str, ...]]:
    decision = a_decider(table).decide(info, a_profile(), attempt=1, now=0.0)
    refusals = {table.names[row]: decision.refusal(row) for row in decision.rows.tolist()}
    return {name: found.reasons for name, found in refusals.items() if found is not None}


def _term(key: str = ZONE, **more: Any) -> dict[str, Any]:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "web"}}, **more}


def _near(**more: Any) -> dict[str, Any]:
    return {"podAffinity": {REQUIRED: [_term(**more)]}}


def _far(**more: Any) -> dict[str, Any]:
    return {"podAntiAffinity": {REQUIRED: [_term(**more)]}}


def test_affinity_follows_others_into_their_zone() -> None:
    """Every node of the zone will do; the others say why not."""
    table = _zones(n0="a", n1="a", n2="b")
    table.place(a_pod("web", labels={"app": "web"}), "n0")
    info = a_pod("next", affinity=_near())

    assert _passing(info, table) == ["n0", "n1"]
    assert _reasons(info, table) == {"n2": ("node(s) didn't match pod affinity rules",)}


def test_the_first_of_a_group_may_go_anywhere_with_the_label() -> None:
    """A pod that wants to be with its own kind does not wait for ever."""
    table = _zones(n0="a", n1="b")
    table.put_node(a_node("n2"))

    assert _passing(a_pod(labels={"app": "web"}, affinity=_near()), table) == ["n0", "n1"]
    assert _passing(a_pod(labels={"app": "db"}, affinity=_near()), table) == []


def test_anti_affinity_is_mutual() -> None:
    """A pod is kept away by its own terms, and by the terms of those that are there."""
    table = _zones(n0="a", n1="a", n2="b")
    table.place(a_pod("web", labels={"app": "web"}, affinity=_far()), "n0")

    assert _reasons(a_pod("x", affinity=_far()), table)["n1"] == (
        "node(s) didn't match pod anti-affinity rules",
    )
    assert _reasons(a_pod("y", labels={"app": "web"}), table)["n1"] == (
        "node(s) didn't satisfy existing pods anti-affinity rules",
    )
    assert _passing(a_pod("z", labels={"app": "db"}), table) == ["n0", "n1", "n2"]


@pytest.mark.parametrize(
    ("more", "passing"),
    [
        pytest.param({}, [], id="own-namespace"),
        pytest.param({"namespaces": ["other"]}, ["n0"], id="by-name"),
        pytest.param({"namespaceSelector": {}}, ["n0"], id="all"),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"team": "blue"}}}, ["n0"], id="by-label"
        ),
        pytest.param(
            {"namespaceSelector": {"matchLabels": {"team": "red"}}}, [], id="by-other-label"
        ),
    ],
)
def test_a_term_means_pods_of_some_namespaces(more: Mapping[str, Any], passing: list[str]) -> None:
    """Its own unless it says otherwise."""
    table = _zones(n0="a", n1="b")
    table.counts.put_namespace("other", {"team": "blue"})
    table.place(a_pod("web", namespace="other", labels={"app": "web"}), "n0")

    assert _passing(a_pod("next", affinity=_near(**more)), table) == passing


@pytest.mark.parametrize(
    ("keys", "passing"),
    [
        pytest.param({"matchLabelKeys": ["version"]}, ["n1"], id="match"),
        pytest.param({"mismatchLabelKeys": ["version"]}, ["n0"], id="mismatch"),
        pytest.param({"matchLabelKeys": ["nothing"]}, ["n0", "n1"], id="absent"),
    ],
)
def test_label_keys_narrow_a_term(keys: Mapping[str, Any], passing: list[str]) -> None:
    """To pods with the same, or another, value of a label of the incoming pod."""
    table = _zones(n0="a", n1="b", n2="c")
    table.place(a_pod("old", labels={"app": "web", "version": "1"}), "n0")
    table.place(a_pod("new", labels={"app": "web", "version": "2"}), "n1")

    info = a_pod("next", labels={"app": "web", "version": "2"}, affinity=_near(**keys))

    assert _passing(info, table) == passing


def _spread(**more: Any) -> list[dict[str, Any]]:
    constraint = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    return [{**constraint, **more}]


def _documented() -> NodeTable:
    """Two nodes in zone A with two pods, two in zone B with one: the documentation's example."""
    table = _zones(node1="zoneA", node2="zoneA", node3="zoneB", node4="zoneB")
    for name, node in (("p1", "node1"), ("p2", "node2"), ("p3", "node3")):
        table.place(a_pod(name, labels={"app": "web"}), node)
    return table


def test_one_constraint_as_documented() -> None:
    """The fourth pod goes to zone B."""
    info = a_pod("p4", labels={"app": "web"}, topologySpreadConstraints=_spread())

    assert _passing(info, _documented()) == ["node3", "node4"]


def test_two_constraints_as_documented() -> None:
    """Zone and node together leave node4 only."""
    both = _spread() + _spread(topologyKey="kubernetes.io/hostname")
    info = a_pod("p4", labels={"app": "web"}, topologySpreadConstraints=both)

    assert _passing(info, _documented()) == ["node4"]


def test_conflicting_constraints_as_documented() -> None:
    """Zone B is asked for by one constraint, node2 by the other: the pod waits."""
    table = _zones(node1="zoneA", node2="zoneA", node3="zoneB")
    for name, node in (
        ("p1", "node1"), ("p2", "node1"), ("p3", "node2"), ("p4", "node3"), ("p5", "node3"),
    ):  # fmt: skip
        table.place(a_pod(name, labels={"app": "web"}), node)
    both = _spread() + _spread(topologyKey="kubernetes.io/hostname")
    info = a_pod("mypod", labels={"app": "web"}, topologySpreadConstraints=both)

    assert _passing(info, table) == []


@pytest.mark.parametrize(
    ("more", "passing"),
    [
        pytest.param({"minDomains": 3}, [], id="too-few-domains"),
        pytest.param({"minDomains": 2}, ["n0", "n1"], id="enough-domains"),
        pytest.param({"maxSkew": 2, "minDomains": 3}, ["n0", "n1"], id="wider-skew"),
    ],
)
def test_min_domains_counts_missing_domains_as_empty(
    more: Mapping[str, Any], passing: list[str]
) -> None:
    """One pod in each of two zones: a third would have none."""
    table = _zones(n0="a", n1="b")
    table.place(a_pod("p0", labels={"app": "web"}), "n0")
    table.place(a_pod("p1", labels={"app": "web"}), "n1")
    info = a_pod("p2", labels={"app": "web"}, topologySpreadConstraints=_spread(**more))

    assert _passing(info, table) == passing


@pytest.mark.parametrize(
    ("more", "passing"),
    [
        pytest.param({}, ["n1"], id="affinity-honored"),
        pytest.param({"nodeAffinityPolicy": "Ignore"}, [], id="affinity-ignored"),
    ],
)
def test_nodes_that_affinity_rules_out_do_not_count(
    more: Mapping[str, Any], passing: list[str]
) -> None:
    """An empty zone that the pod cannot reach does not make the others too full."""
    table = _zones(n0="a", n1="b", n2="c")
    table.place(a_pod("p0", labels={"app": "web"}), "n0")
    expression = {"key": ZONE, "operator": "In", "values": ["a", "b"]}
    affinity = {
        "nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    }
    table.place(a_pod("p1", labels={"app": "web"}), "n1")
    table.place(a_pod("p2", labels={"app": "web"}), "n0")
    info = a_pod(
        "p3", labels={"app": "web"}, affinity=affinity, topologySpreadConstraints=_spread(**more)
    )

    assert _passing(info, table) == passing


@pytest.mark.parametrize(
    ("more", "passing"),
    [
        pytest.param({}, [], id="taints-ignored"),
        pytest.param({"nodeTaintsPolicy": "Honor"}, ["n0"], id="taints-honored"),
    ],
)
def test_tainted_nodes_count_unless_taints_are_honored(
    more: Mapping[str, Any], passing: list[str]
) -> None:
    """The only empty zone is tainted."""
    table = _zones(n0="a")
    taint = {"key": "k", "effect": "NoSchedule"}
    table.put_node(a_node("n1", labels={ZONE: "b"}, taints=[taint]))
    table.place(a_pod("p0", labels={"app": "web"}), "n0")
    info = a_pod("p1", labels={"app": "web"}, topologySpreadConstraints=_spread(**more))

    assert _passing(info, table) == passing


def test_match_label_keys_spread_one_revision_apart_from_another() -> None:
    """Pods of the old revision do not count."""
    table = _zones(n0="a", n1="b")
    table.place(a_pod("old", labels={"app": "web", "hash": "1"}), "n0")
    info = a_pod(
        "new",
        labels={"app": "web", "hash": "2"},
        topologySpreadConstraints=_spread(matchLabelKeys=["hash"]),
    )

    assert _passing(info, table) == ["n0", "n1"]


def test_pods_that_are_leaving_do_not_count() -> None:
    """They will be gone when the new one runs."""
    table = _zones(n0="a", n1="b")
    table.place(a_pod("p0", labels={"app": "web"}, deleted=True), "n0")
    info = a_pod("p1", labels={"app": "web"}, topologySpreadConstraints=_spread())

    assert _passing(info, table) == ["n0", "n1"]


def test_a_pod_that_names_its_nodes_looks_at_no_others() -> None:
    """As those of a DaemonSet do: what is wrong with the others is not said."""
    field = {"key": "metadata.name", "operator": "In", "values": ["n0"]}
    affinity = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": [field]}]}}}
    taint = {"key": "k", "effect": "NoSchedule"}
    table = a_table(a_node("n0", cpu="1"), a_node("n1", taints=[taint]), a_node("n2"))

    assert _reasons(a_pod(cpu="2", affinity=affinity), table) == {
        "n0": ("Insufficient cpu",),
        "n1": ("node(s) didn't satisfy plugin(s) [NodeAffinity]",),
        "n2": ("node(s) didn't satisfy plugin(s) [NodeAffinity]",),
    }


def _service(selector: dict[str, str]) -> Service:
    fields = {"metadata": {"name": "s", "namespace": "default"}, "spec": {"selector": selector}}
    return decode_as(Service, fields)


@pytest.mark.parametrize(
    ("services", "labels"),
    [
        pytest.param([{"app": "web"}], {"app": "web"}, id="behind one"),
        pytest.param(
            [{"app": "web"}, {"tier": "front"}, {"app": "other"}],
            {"app": "web", "tier": "front"},
            id="behind two of three",
        ),
        pytest.param([{}], {}, id="a service without a selector"),
    ],
)
def test_pods_without_an_owner_spread_among_those_behind_their_services(
    services: list[dict[str, str]], labels: dict[str, str]
) -> None:
    """What all of the services select together."""
    info = a_pod(labels={"app": "web", "tier": "front"})

    found = constraints_of(info, services=[_service(selector) for selector in services])

    wanted = from_label_selector(LabelSelector(match_labels=FrozenDict(labels)))
    assert [(one.group.selector, one.max_skew) for one in found] == (
        [(wanted, 3), (wanted, 5)] if labels else []
    )


def test_pods_of_an_owner_spread_among_its_pods() -> None:
    """Whatever services select."""
    info = a_pod(labels={"app": "web"}, owner="set")

    found = constraints_of(info, services=[_service({"app": "web"})])

    assert {one.group.owner for one in found} == {"set"}
