"""Scenarios played in virtual time."""

from pathlib import Path

import pytest

from engine.api.apps import Deployment
from engine.api.kubarium import Fault
from engine.api.load import Load
from engine.cluster import Cluster
from engine.scenario.loader import load_scenario, parse_scenario
from engine.scenario.player import Player
from engine.scenario.view import ClusterView

HEAD = 'format = "kubarium.scenario/1"\nid = "x"\ntitle = "X"\n'
WEB = (
    HEAD
    + """
[[manifest]]
id = "web"
yaml = '''
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "localhost/kubarium/demo:v1"}]}
'''
[[step]]
id = "up"
do = "apply"
manifests = ["web"]
[[step]]
id = "ready"
do = "wait"
until = {rollout = "deployment/web"}
"""
)


def make_player(cluster: Cluster, text: str) -> Player:
    """A player of *text* on *cluster*."""
    client = cluster.client("scenario", groups=("system:masters",))
    view = ClusterView(client, lambda _url, _done: None, broken=cluster.monitor.broken)
    return Player(parse_scenario(text), client, view)


def play(cluster: Cluster, text: str, *, seconds: float = 120.0) -> Player:
    """Play *text* to its end, or for so long."""
    player = make_player(cluster, text)
    cluster.loop.call_soon(player.start)
    end = cluster.loop.now + seconds
    while not player.is_done and cluster.loop.now < end:
        cluster.run_for(0.5)
    return player


def test_kubectl_steps_do_what_kubectl_does(cluster: Cluster) -> None:
    """Set image, scale, label, taint, cordon: without a program, in virtual time."""
    text = WEB + "".join(
        f'[[step]]\ndo = "kubectl"\nrun = "{run}"\n'
        for run in (
            "set image deployment/web web=localhost/kubarium/demo:v2",
            "scale deploy web --replicas=3",
            "label node node-1 disk=ssd",
            "taint node node-1 team=db:NoSchedule",
            "cordon node-2",
            "expose deployment web --port=80 --target-port=8080",
            "create configmap settings --from-literal=a=b",
            "delete configmap settings",
        )
    ) + (
        '[[step]]\ndo = "wait"\nuntil = {rollout = "deployment/web"}\n'
        '[[step]]\ndo = "check"\nchecks = [\n'
        '{object = "node/node-1", path = "metadata.labels.disk", value = "ssd"},\n'
        '{object = "node/node-1", path = "spec.taints[key=team].effect", value = "NoSchedule"},\n'
        '{object = "node/node-2", path = "spec.unschedulable", value = true},\n'
        '{object = "service/web", exists = true},\n'
        '{object = "configmap/settings", exists = false}]\n'
    )  # fmt: skip

    player = play(cluster, text)

    assert player.report().passed, player.message
    deployment = cluster.get(Deployment, "web", namespace="default")
    assert deployment.spec.replicas == 3
    assert deployment.spec.template.spec.containers[0].image == "localhost/kubarium/demo:v2"


def test_parallel_steps_run_at_once_and_wait_for_each_other(cluster: Cluster) -> None:
    """The longest of them says how long it takes; *after* orders them."""
    text = HEAD + (
        '[[step]]\ndo = "parallel"\nsteps = [\n'
        '{do = "sleep", id = "a", seconds = "5s"},\n'
        '{do = "sleep", id = "b", seconds = "3s"},\n'
        '{do = "group", repeat = 2, after = ["b"], steps = [{do = "sleep", seconds = "2s"}]}]\n'
    )

    (result,) = play(cluster, text).report().steps

    assert result.state == "passed"
    assert result.ended_at - result.started_at == pytest.approx(7.25, abs=0.3)


def test_a_hypothesis_that_fails_aborts_and_undoes_the_faults(cluster: Cluster) -> None:
    """What is broken is mended, and the run says which revision broke it."""
    text = WEB + (
        '[[step]]\nid = "cut"\ndo = "fault"\nfault = "node.crash"\n'
        'target = {nodes = ["node-1", "node-2", "node-3"]}\n'
        '[[step]]\ndo = "sleep"\nseconds = "100s"\n'
        '[[hypothesis]]\nid = "two"\non_violation = "abort"\nphases = ["during"]\n'
        'probe = {object = "deployment/web", path = "status.availableReplicas"}\n'
        "tolerance = {min = 2}\n"
    )

    player = play(cluster, text, seconds=200.0)
    cluster.run_for(5.0)

    assert "hypothesis two did not hold during" in player.message
    assert player.violations[0].revision > 0
    assert not any(fault.status.phase == "Active" for fault in cluster.list(Fault))


def test_loads_and_faults_are_over_when_the_run_is(cluster: Cluster) -> None:
    """Also when a check has failed."""
    text = WEB + (
        '[[step]]\ndo = "load"\nservice = "web"\nrate = 5\n'
        '[[step]]\ndo = "fault"\nfault = "node.partition"\ntarget = {nodes = "node-1"}\n'
        "preview = true\n"
        '[[step]]\ndo = "check"\nchecks = [{object = "pod/nobody", say = "Nobody is there."}]\n'
    )

    player = play(cluster, text)

    assert "Nobody is there." in player.message
    assert not cluster.list(Load)
    assert not any(fault.status.phase == "Active" for fault in cluster.list(Fault))


def test_stepping_plays_one_step_and_holds(cluster: Cluster) -> None:
    """And a step to come is reached by playing on until it is next."""
    notes = "".join(f'[[step]]\ndo = "note"\ntext = "{n}"\n' for n in range(5))
    player = make_player(cluster, HEAD + notes)
    player.is_paused = True
    player.start()

    player.advance()
    cluster.run_for(1.0)
    assert (len(player.results), player.is_paused) == (1, True)
    player.go_to(3)
    cluster.run_for(1.0)

    assert (len(player.results), player.is_paused) == (3, True)


@pytest.mark.parametrize(
    "file", sorted(Path("scenarios").glob("*.toml")), ids=lambda file: file.stem
)
def test_shipped_scenarios_load(file: Path) -> None:
    """Each that says it is one."""
    if 'format = "kubarium.scenario/1"' in file.read_text(encoding="utf-8"):
        assert load_scenario(file).step
