"""Which event may help which pod.

Source: the queueing hint functions of each plugin and their tables, kubernetes v1.34.
"""

from typing import Any

import pytest

from engine.scheduler.hints import ClusterEvent, may_help
from engine.scheduler.pod_info import PodInfo
from tests.engine.scheduler.objects import a_node, a_pod

TAINT = {"key": "k", "effect": "NoSchedule"}
FAR = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app": "web"}},
            }
        ]
    }
}
NEAR = {"podAffinity": FAR["podAntiAffinity"]}
SPREAD = [
    {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
]
WEB = a_pod("web", labels={"app": "web"}, cpu="1", ports=[{"containerPort": 1, "hostPort": 80}])
DB = a_pod("db", labels={"app": "db"}, cpu="1")


def _node(old: Any, new: Any) -> ClusterEvent:
    return ClusterEvent(kind="Node", old=old, new=new)


def _pod(old: PodInfo | None, new: PodInfo | None) -> ClusterEvent:
    return ClusterEvent(kind="Pod", old_pod=old, new_pod=new)


@pytest.mark.parametrize(
    ("plugin", "pod", "event", "helps"),
    [
        ("NodeResourcesFit", a_pod(cpu="2"), _node(None, a_node("n", cpu="4")), True),
        ("NodeResourcesFit", a_pod(cpu="8"), _node(None, a_node("n", cpu="4")), False),
        ("NodeResourcesFit", a_pod(cpu="2"), _node(a_node("n", cpu="2"), a_node("n", cpu="4")),
         True),
        ("NodeResourcesFit", a_pod(cpu="2"), _node(a_node("n", cpu="4"), a_node("n", cpu="2")),
         False),
        ("NodeResourcesFit", a_pod(cpu="2"),
         _node(a_node("n"), a_node("n", labels={"a": "b"})), False),
        ("NodeResourcesFit", a_pod(cpu="2"), _pod(WEB, None), True),
        ("NodeResourcesFit", a_pod(cpu="2"), _pod(None, WEB), False),
        ("TaintToleration", a_pod(), _node(a_node("n", taints=[TAINT]), a_node("n")), True),
        ("TaintToleration", a_pod(), _node(a_node("n"), a_node("n", taints=[TAINT])), False),
        ("TaintToleration", a_pod(), _pod(WEB, None), False),
        ("NodeAffinity", a_pod(nodeSelector={"a": "b"}),
         _node(a_node("n"), a_node("n", labels={"a": "b"})), True),
        ("NodeAffinity", a_pod(nodeSelector={"a": "b"}),
         _node(a_node("n"), a_node("n", labels={"a": "c"})), False),
        ("NodeUnschedulable", a_pod(), _node(a_node("n", cordoned=True), a_node("n")), True),
        ("NodeUnschedulable", a_pod(), _node(a_node("n"), a_node("n", cordoned=True)), False),
        ("NodePorts", a_pod(ports=[{"containerPort": 1, "hostPort": 80}]), _pod(WEB, None), True),
        ("NodePorts", a_pod(ports=[{"containerPort": 1, "hostPort": 81}]), _pod(WEB, None), False),
        ("InterPodAffinity", a_pod(affinity=NEAR), _pod(None, WEB), True),
        ("InterPodAffinity", a_pod(affinity=NEAR), _pod(None, DB), False),
        ("InterPodAffinity", a_pod(affinity=FAR), _pod(WEB, None), True),
        ("InterPodAffinity", a_pod(affinity=FAR), _pod(DB, None), False),
        ("InterPodAffinity", a_pod(labels={"app": "web"}), _pod(a_pod(affinity=FAR), None), True),
        ("PodTopologySpread", a_pod(topologySpreadConstraints=SPREAD), _pod(None, WEB), True),
        ("PodTopologySpread", a_pod(topologySpreadConstraints=SPREAD), _pod(WEB, None), True),
        ("PodTopologySpread", a_pod(topologySpreadConstraints=SPREAD), _pod(DB, None), False),
        ("PodTopologySpread", a_pod(topologySpreadConstraints=SPREAD),
         _node(None, a_node("n", labels={"zone": "a"})), True),
        ("PodTopologySpread", a_pod(topologySpreadConstraints=SPREAD), _node(None, a_node("n")),
         False),
    ],
)  # fmt: skip
def test_only_what_may_help_wakes_a_pod(
    plugin: str, pod: PodInfo, event: ClusterEvent, helps: bool
) -> None:
    """One plugin refused it, one thing happened."""
    assert may_help(pod, {plugin}, event) is helps


def test_one_plugin_that_may_change_its_mind_is_enough() -> None:
    """The pod is tried again, and meets the others then."""
    event = _node(a_node("n", taints=[TAINT]), a_node("n"))

    assert may_help(a_pod(cpu="9"), {"NodeResourcesFit", "TaintToleration"}, event)


def test_events_have_kubernetes_names() -> None:
    """As in scheduler metrics."""
    assert _node(None, a_node("n")).name == "NodeAdd"
    assert _pod(WEB, None).name == "AssignedPodDelete"
