"""Pods that name their node themselves are looked at by the node."""

from typing import Any

import pytest

from engine.api.codec import decode_as
from engine.api.node import Node
from engine.api.pod import Pod
from engine.kubelet.admission import admit

NODE = decode_as(
    Node,
    {
        "metadata": {"name": "n", "labels": {"disk": "ssd"}},
        "status": {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "3"}},
    },
)


def pod(name: str, *, cpu: str = "0", port: int = 0, ip: str = "", **spec: Any) -> Pod:
    """A pod with one container."""
    ports = [{"containerPort": 80, "hostPort": port, "hostIP": ip}] if port else []
    container = {"name": "c", "resources": {"requests": {"cpu": cpu}}, "ports": ports}
    body = {"metadata": {"name": name, "uid": name}, "spec": {"containers": [container], **spec}}
    return decode_as(Pod, body)


@pytest.mark.parametrize(
    ("asking", "others", "why"),
    [
        pytest.param(pod("a", cpu="1"), [pod("b", cpu="1")], None, id="room"),
        pytest.param(
            pod("a", cpu="1500m"),
            [pod("b", cpu="1")],
            (
                "OutOfcpu",
                (
                    "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: "
                    "2000"
                ),
            ),
            id="no cpu",
        ),
        pytest.param(
            pod("a"),
            [pod("b"), pod("c"), pod("d")],
            (
                "OutOfpods",
                "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3",
            ),
            id="too many",
        ),
        pytest.param(
            pod("a", nodeSelector={"disk": "hdd"}),
            [],
            (
                "NodeAffinity",
                "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
            ),
            id="other labels",
        ),
        pytest.param(
            pod("a", port=80, ip="127.0.0.1"),
            [pod("b", port=80)],
            (
                "NodePorts",
                (
                    "Predicate NodePorts failed: node(s) didn't have free ports for the requested "
                    "pod ports"
                ),
            ),
            id="port taken on all addresses",
        ),
        pytest.param(
            pod("a", port=80, ip="127.0.0.1"), [pod("b", port=80, ip="127.0.0.2")], None, id="port"
        ),
        pytest.param(
            pod("a", cpu="9", priority=2_000_001_000),
            [],
            (
                "UnexpectedAdmissionError",
                (
                    "Unexpected error while attempting to recover from admission failure: "
                    "preemption: error finding a set of pods to preempt: no set of running pods "
                    "found to reclaim resources: [(res: cpu, q: 7000), ]"
                ),
            ),
            id="critical, and too large",
        ),
    ],
)
def test_a_node_takes_what_it_has_room_for(
    asking: Pod, others: list[Pod], why: tuple[str, str] | None
) -> None:
    """Room, labels and ports, with the reasons and words of kubelets."""
    assert admit(asking, NODE, [asking, *others]).why == why


def test_what_a_scheduler_bound_is_not_looked_at_again() -> None:
    """It has been decided with the same rules."""
    bound = decode_as(
        Pod,
        {
            "metadata": {"name": "a", "uid": "a"},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "9"}}}]},
            "status": {"conditions": [{"type": "PodScheduled", "status": "True"}]},
        },
    )

    assert admit(bound, NODE, []).why is None


def test_a_critical_pod_makes_room_for_itself() -> None:
    """Of the pods that would do, the one whose requests come closest goes; BestEffort stays."""
    small, large, idle = pod("small", cpu="500m"), pod("large", cpu="1500m"), pod("idle", cpu="0")
    critical = pod("system", cpu="1", priority=2_000_001_000)
    node = decode_as(
        Node, {"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "2", "pods": "9"}}}
    )

    verdict = admit(critical, node, [small, large, idle])

    assert verdict.why is None
    assert [victim.metadata.name for victim in verdict.victims] == ["large"]


def test_critical_pods_are_not_preempted_by_their_like() -> None:
    """The kubelet evicts no critical pod of the same priority."""
    running = pod("first", cpu="2", priority=2_000_001_000)

    verdict = admit(pod("second", cpu="1", priority=2_000_001_000), NODE, [running])

    assert verdict.victims == ()
    assert verdict.why is not None
    assert verdict.why[0] == "UnexpectedAdmissionError"
