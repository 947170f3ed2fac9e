"""What each filter refuses, and in which words."""

import numpy as np
import pytest

from engine.api.node import Node
from engine.scheduler.framework import Filter
from engine.scheduler.pod_info import PodInfo
from tests.engine.scheduler.objects import a_filter, a_node, a_pod, a_table

TAINT = {"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}
PORT = [{"containerPort": 80, "hostPort": 8080}]


def _reasons(plugin: Filter, info: PodInfo, node: Node, *placed: PodInfo) -> tuple[str, ...]:
    table = a_table(node)
    for other in placed:
        table.place(other, node.metadata.name)
    if not plugin.applies(info):
        return ()
    verdict = plugin.filter(info, table, np.arange(table.size))
    code = int(verdict.codes[0])
    return verdict.reasons(code) if code else ()


def _affinity(operator: str, *values: str) -> dict[str, object]:
    term = {"matchExpressions": [{"key": "disk", "operator": operator, "values": list(values)}]}
    required = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


@pytest.mark.parametrize(
    ("plugin", "pod", "node", "expected"),
    [
        ("NodeName", a_pod(nodeName="other"), a_node("n"),
         ("node(s) didn't match the requested node name",)),
        ("NodeName", a_pod(nodeName="n"), a_node("n"), ()),
        ("NodeUnschedulable", a_pod(), a_node("n", cordoned=True), ("node(s) were unschedulable",)),
        ("NodeUnschedulable",
         a_pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}]),
         a_node("n", cordoned=True), ()),
        ("TaintToleration", a_pod(), a_node("n", taints=[TAINT]),
         ("node(s) had untolerated taint {dedicated: gpu}",)),
        ("TaintToleration", a_pod(tolerations=[{"key": "dedicated", "value": "gpu"}]),
         a_node("n", taints=[TAINT]), ()),
        ("TaintToleration", a_pod(), a_node("n", taints=[{**TAINT, "effect": "PreferNoSchedule"}]),
         ()),
        ("NodeAffinity", a_pod(nodeSelector={"disk": "ssd"}), a_node("n", labels={"disk": "hdd"}),
         ("node(s) didn't match Pod's node affinity/selector",)),
        ("NodeAffinity", a_pod(nodeSelector={"disk": "ssd"}), a_node("n", labels={"disk": "ssd"}),
         ()),
        ("NodeAffinity", a_pod(affinity=_affinity("In", "ssd", "nvme")),
         a_node("n", labels={"disk": "nvme"}), ()),
        ("NodeAffinity", a_pod(affinity=_affinity("NotIn", "hdd")), a_node("n"), ()),
        ("NodeAffinity", a_pod(affinity=_affinity("Exists")), a_node("n"),
         ("node(s) didn't match Pod's node affinity/selector",)),
        ("NodeAffinity", a_pod(affinity=_affinity("Gt", "10")), a_node("n", labels={"disk": "11"}),
         ()),
        ("NodeAffinity", a_pod(affinity=_affinity("Lt", "10")), a_node("n", labels={"disk": "11"}),
         ("node(s) didn't match Pod's node affinity/selector",)),
        ("NodeResourcesFit", a_pod(cpu="5"), a_node("n", cpu="4"), ("Insufficient cpu",)),
        ("NodeResourcesFit", a_pod(cpu="4"), a_node("n", cpu="4"), ()),
        ("NodeResourcesFit", a_pod(cpu="5", memory="9Gi"), a_node("n"),
         ("Insufficient cpu", "Insufficient memory")),
        ("NodeResourcesFit", a_pod(), a_node("n", pods="0"), ("Too many pods",)),
    ],
)  # fmt: skip
def test_filters_refuse_in_kubernetes_words(
    plugin: str, pod: PodInfo, node: Node, expected: tuple[str, ...]
) -> None:
    """One node, one pod, one filter."""
    assert _reasons(a_filter(plugin), pod, node) == expected


@pytest.mark.parametrize(
    ("taken", "wanted", "is_refused"),
    [
        pytest.param({}, {}, True, id="same-port"),
        pytest.param({"hostIP": "10.0.0.1"}, {"hostIP": "10.0.0.2"}, False, id="other-address"),
        pytest.param({"hostIP": "10.0.0.1"}, {}, True, id="all-addresses-collide"),
        pytest.param({}, {"hostIP": "10.0.0.1"}, True, id="with-all-addresses"),
        pytest.param({}, {"protocol": "UDP"}, False, id="other-protocol"),
    ],
)
def test_a_port_of_a_node_is_given_once(
    taken: dict[str, str], wanted: dict[str, str], is_refused: bool
) -> None:
    """Address, protocol and number together decide."""
    first = a_pod("first", ports=[{**PORT[0], **taken}])
    second = a_pod("second", ports=[{**PORT[0], **wanted}])

    reasons = _reasons(a_filter("NodePorts"), second, a_node("n"), first)

    assert bool(reasons) is is_refused


def test_requests_of_placed_pods_count() -> None:
    """What is taken is taken until the pod is displaced."""
    table = a_table(a_node("n", cpu="1"))
    table.place(a_pod("first", cpu="600m"), "n")
    second, rows = a_pod("second", cpu="600m"), np.arange(1)

    before = a_filter("NodeResourcesFit").filter(second, table, rows).codes[0]
    table.displace("default/first")
    after = a_filter("NodeResourcesFit").filter(second, table, rows).codes[0]

    assert before != 0
    assert after == 0


def test_required_spread_keeps_the_skew_small() -> None:
    """With two pods in zone a and none in b, maxSkew 1 allows b only."""
    zones = {"n0": "a", "n1": "a", "n2": "b"}
    label = "topology.kubernetes.io/zone"
    table = a_table(*(a_node(name, labels={label: zone}) for name, zone in zones.items()))
    table.put_node(a_node("n3"))
    constraint = {
        "maxSkew": 1,
        "topologyKey": label,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    pods = [
        a_pod(name, labels={"app": "web"}, topologySpreadConstraints=[constraint])
        for name in ("x", "y", "z")
    ]
    table.place(pods[0], "n0")
    table.place(pods[1], "n1")

    verdict = a_filter("PodTopologySpread").filter(pods[2], table, np.arange(4))

    words = [verdict.reasons(int(code)) if code else () for code in verdict.codes]
    spread = "node(s) didn't match pod topology spread constraints"
    assert words == [(spread,), (spread,), (), (f"{spread} (missing required label)",)]
