"""Faults of the network are felt by whoever asks over it: loads, probes, names, streams, claims."""

import asyncio
from typing import Any

import pytest

from engine.api.frozen import FrozenDict
from engine.api.kubarium import FaultTarget
from engine.api.load import Load, LoadSpec
from engine.api.meta import ObjectMeta, is_true
from engine.api.pod import Pod
from engine.apiserver.errors import InternalError
from engine.cluster import Cluster
from engine.config import ClusterConfig, make_nodes
from engine.cri.runtime import LogOptions
from engine.faults.controls import make_fault
from engine.simulation.requests import Requests
from engine.simulation.services import Answer
from tests.builders import make_deployment, make_pod, make_service

WEB = FaultTarget(namespace="default", expression="app=web")
SECONDS = 20.0


@pytest.fixture
def served() -> Cluster:
    """Two nodes, and a service with two pods that are probed."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(2)))
    cluster.start()
    cluster.apply(make_deployment("web", replicas=2), make_service("web"))
    cluster.run_for(20.0)
    return cluster


def disturb(cluster: Cluster, type_: str, target: FaultTarget = WEB, **params: Any) -> None:
    """Begin a fault for the time of the load."""
    fault = make_fault("it", type_, target, params=FrozenDict(params), duration=SECONDS)
    cluster.apply(fault)
    cluster.run_for(1.0)


def load(cluster: Cluster, name: str = "load", *, rate: float = 50.0) -> dict[str, Any]:
    """What a load of ten seconds comes to."""
    spec = LoadSpec(service="web", port=80, rate=rate, duration_seconds=10.0, cpu_millis=1.0)
    cluster.apply(Load(metadata=ObjectMeta(name=name, namespace="default"), spec=spec))
    cluster.run_for(14.0)
    status: dict[str, Any] = dict(cluster.get(Load, name, namespace="default").status)
    return status


def pod_named(cluster: Cluster, name: str) -> Pod:
    """A new pod that runs."""
    cluster.apply(make_pod(name))
    cluster.run_for(10.0)
    return cluster.get(Pod, name, namespace="default")


def ask(cluster: Cluster) -> tuple[Answer, float]:
    """One answer of the service, and how long it took."""
    pods: list[Answer] = []
    address = cluster.proxier.rules.services["default/web"].frontends
    ip = next(frontend.ip for frontend in address)
    began = cluster.loop.now
    times: list[float] = []

    def done(answer: Answer) -> None:
        pods.append(answer)
        times.append(cluster.loop.now - began)

    cluster.modelled.get(f"http://{ip}:80/", done)
    cluster.run_for(4.0)
    return pods[0], times[0]


@pytest.mark.parametrize(
    ("type_", "params", "reason"),
    [
        ("net.partition", {}, "timeout"),
        ("net.loss", {"percent": 100}, "timeout"),
        ("net.reset", {"percent": 100}, "connection reset"),
    ],
)
def test_a_load_fails_where_nothing_comes_through(
    served: Cluster, type_: str, params: dict[str, Any], reason: str
) -> None:
    """And is well again afterwards."""
    disturb(served, type_, **params)
    during = load(served)
    served.run_for(60.0)
    after = load(served, "after")

    assert set(during["reasons"]) == {reason}
    assert during["errors"] == during["requests"] > 0
    assert after["errors"] == 0


def test_a_load_is_late_where_packets_wait(served: Cluster) -> None:
    """By both ways' latency."""
    before = load(served, "before")
    disturb(served, "net.delay", latency="100ms", jitter="0ms")
    during = load(served)

    assert before["latency"]["p50"] < 50
    assert 190 <= during["latency"]["p50"] <= 260
    assert during["errors"] == 0


def test_a_load_is_late_where_packets_get_lost(served: Cluster) -> None:
    """They are sent again: some requests wait, few fail."""
    disturb(served, "net.loss", percent=20)
    during = load(served)

    assert during["latency"]["p50"] < 50
    assert during["latency"]["p99"] >= 200
    assert during["errors"] < during["requests"] / 10


def test_a_load_waits_where_little_fits_through(served: Cluster) -> None:
    """What does not fit piles up."""
    disturb(served, "net.bandwidth", rate=30_000)
    during = load(served)

    assert during["latency"]["p99"] > 500


def test_a_frozen_pod_answers_nobody(served: Cluster) -> None:
    """The others do."""
    pod = served.list(Pod, namespace="default")[0].metadata.name
    disturb(served, "container.pause", FaultTarget(namespace="default", pods=(pod,)))
    during = load(served)

    failed = {one["name"]: one["errors"] for one in during["endpoints"]}
    assert failed.pop(pod) > 0
    assert set(failed.values()) == {0}


@pytest.mark.parametrize(
    ("type_", "params", "body", "seconds"),
    [
        ("net.delay", {"latency": "200ms", "jitter": "0ms"}, "Hello from", 0.4),
        ("net.partition", {}, "timed out", 3.0),
        ("net.reset", {"percent": 100}, "connection reset by peer", 0.0),
    ],
)
def test_a_claim_about_an_answer_feels_the_network(
    served: Cluster, type_: str, params: dict[str, Any], body: str, seconds: float
) -> None:
    """As a scenario's http checks ask."""
    undisturbed, _ = ask(served)
    disturb(served, type_, **params)
    answer, took = ask(served)

    assert undisturbed.body.startswith("Hello from web-")
    assert body in answer.body
    assert took == pytest.approx(seconds, abs=0.05)


@pytest.mark.parametrize(("type_", "is_ready"), [("net.reset", False), ("net.delay", True)])
def test_probes_go_over_the_network(type_: str, is_ready: bool) -> None:
    """A reset fails them; waiting less than their timeout does not."""
    cluster = Cluster(config=ClusterConfig(nodes=make_nodes(1)))
    cluster.start()
    cluster.apply(make_deployment("web", replicas=1, is_probed=True))
    cluster.run_for(20.0)
    params = {"percent": 100} if type_ == "net.reset" else {"latency": "100ms", "jitter": "0ms"}
    disturb(cluster, type_, **params)
    cluster.run_for(10.0)

    (pod,) = cluster.list(Pod, namespace="default")
    assert is_true(pod.status.conditions, "Ready") is is_ready


@pytest.mark.parametrize(
    ("type_", "params", "is_failing", "slowest"),
    [
        ("dns.fail", {"percent": 100}, True, 0.0),
        ("dns.delay", {"latency": "300ms"}, False, 0.6),
    ],
)
def test_pods_that_ask_for_names_feel_dns(
    served: Cluster, type_: str, params: dict[str, Any], is_failing: bool, slowest: float
) -> None:
    """Their requests fail, or are late, although the service itself is well."""
    pod = pod_named(served, "client")
    disturb(served, type_, FaultTarget(namespace="default", pods=("client",)), **params)

    wanted = Requests("web", 80, "/", 20.0)
    node, ip = pod.spec.node_name, pod.status.pod_ip
    stop: Any = served.modelled.ask(node, "default", ip, wanted)
    served.run_for(5.0)
    stop()

    status = stop.__self__.status()
    assert ("name resolution timed out" in status["reasons"]) is is_failing
    assert (status["errors"] > 0) is is_failing
    assert status["latency"]["p50"] >= slowest * 1000


def test_streams_are_as_late_as_the_link_of_their_kubelet(served: Cluster) -> None:
    """And break where it is cut or loses what is sent."""
    pod = pod_named(served, "client")
    node = pod.spec.node_name
    container = served.nodes[node].kubelet.container_id_for(pod, "web")
    waited: list[float] = []

    async def pause() -> None:
        waited.append(served.loop.now)
        served.run_for(0.1)

    async def read() -> list[bytes]:
        return [piece async for piece in served.reach(node).logs(container, LogOptions())]

    served.nodes[node].gate.pause = pause
    asyncio.run(read())
    assert waited == []
    disturb(served, "link.delay", FaultTarget(component=f"kubelet/{node}"), seconds=1.0)
    asyncio.run(read())
    assert len(waited) == pytest.approx(20, abs=2)

    served.run_for(30.0)
    cut = make_fault("cut", "link.cut", FaultTarget(component=f"kubelet/{node}"), duration=5.0)
    served.apply(cut)
    served.run_for(1.0)
    with pytest.raises(InternalError, match="i/o timeout"):
        served.reach(node)
