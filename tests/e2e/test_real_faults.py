"""Random faults on real containers leave the host as it was, also when Kubarium is killed."""

import asyncio
import os
import random
import re
import subprocess
import time
from pathlib import Path

import pytest

from engine.api.frozen import FrozenDict
from engine.api.kubarium import Fault, FaultTarget
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError
from engine.faults.controls import make_fault
from engine.host import Host
from engine.hosting.options import HostOptions
from tests.builders import make_deployment
from tests.e2e.served import Served

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]

COUNT = int(os.environ.get("KUBARIUM_FAULTS", "24"))
AT_ONCE = 4
ENDED = {"Recovered", "Failed"}
SECONDS = 0.8

PODS: dict[str, dict[str, object]] = {
    "container.pause": {},
    "stress.cpu": {"load": 20},
    "stress.memory": {"bytes": "8Mi"},
    "stress.io": {},
    "disk.fill": {"bytes": "1Mi"},
    "net.partition": {},
    "net.loss": {"percent": 30},
    "net.delay": {"latency": "20ms"},
    "net.bandwidth": {},
    "net.reset": {"percent": 50},
    "dns.fail": {},
    "dns.delay": {"latency": "30ms"},
    "container.kill": {},
    "pod.kill": {},
    "pod.failure": {},
    "probe.fail": {},
}
NODES: dict[str, dict[str, object]] = {
    "node.partition": {"planes": "both"},
    "node.pause": {},
    "kubelet.stop": {},
    "image.pull-fail": {},
    "clock.skew": {},
}
OTHERS: dict[str, str] = {
    "link.cut": "scheduler",
    "link.drop": "controller-manager",
    "scheduler.stop": "",
    "apiserver.slow": "",
    "store.readonly": "",
}


def traces() -> dict[str, int]:
    """What faults do to this host, counted: all of it, whoever did it."""

    def said(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    stress = frozen = 0
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names only
        if entry.isdigit():
            try:
                environ = Path(f"/proc/{entry}/environ").read_bytes()
            except OSError:
                continue
            stress += b"KUBARIUM_STRESS=" in environ
    for folder, _, _ in os.walk("/sys/fs/cgroup/freezer"):  # a glob fails when one goes meanwhile
        try:
            frozen += (Path(folder) / "freezer.state").read_text().strip() != "THAWED"
        except OSError:
            continue
    rules = said("nft", "list", "ruleset")
    return {
        "fault tables": len(re.findall(r"table ip \w+_faults", rules)),
        "queue rules": said("iptables-nft-save", "-t", "mangle").count("NFQUEUE")
        if "table ip mangle" in rules
        else 0,
        "mangle tables": rules.count("table ip mangle"),
        "shaped interfaces": said("tc", "qdisc").count("tbf"),
        "stress processes": stress,
        "frozen containers": frozen,
    }


def random_fault(chance: random.Random, number: int) -> Fault:
    """One of them all."""
    name = f"random-{number}"
    family = chance.choice((PODS, PODS, PODS, NODES, OTHERS))
    type_ = chance.choice(sorted(family))
    if family is PODS:
        target = FaultTarget(expression="app=web", mode="one")
        params = PODS[type_]
    elif family is NODES:
        target, params = FaultTarget(nodes=(f"node-{chance.randint(1, 2)}",)), NODES[type_]
    else:
        target, params = FaultTarget(component=OTHERS[type_]), {}
    return make_fault(name, type_, target, params=FrozenDict(params), duration=SECONDS)


async def until_ready(host: Host, *, seconds: float = 90.0) -> None:
    """Wait until the deployment's pods are ready."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            pods = host.cluster.list(Pod, namespace="default")
        except ApiError:
            pods = ()
        ready = [
            pod
            for pod in pods
            if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
        ]
        if len(ready) >= 3:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the pods did not become ready")


def _phases(host: Host) -> set[str]:
    return {fault.status.phase for fault in host.cluster.list(Fault)}


@pytest.mark.asyncio
async def test_random_faults_leave_nothing(tmp_path: Path) -> None:
    """As many as KUBARIUM_FAULTS says: rules, qdiscs, processes, frozen and cut are as before."""
    before = traces()
    options = HostOptions(
        workers=2, runtime="podman", listen=("127.0.0.1", 0), kubeconfig=tmp_path / "kubeconfig"
    )
    host = Host(options)
    try:
        await host.start()
        host.cluster.journal.register("test", lambda work: work())
        apply = host.cluster.apply
        host.cluster.journal.call("test", lambda: apply(make_deployment("web", replicas=3)))
        await until_ready(host)
        chance = random.Random(7)
        seen: dict[str, int] = {}
        for number in range(COUNT):
            while len(host.cluster.injector.active) >= AT_ONCE:  # noqa: ASYNC110 - the engine's time
                await asyncio.sleep(0.02)
            fault = random_fault(chance, number)
            while True:
                try:
                    host.cluster.journal.call("test", lambda f=fault: apply(f))
                    break
                except ApiError:
                    await asyncio.sleep(0.1)  # a fault keeps the API from taking writes
            await asyncio.sleep(0.05)
            seen[fault.spec.type] = seen.get(fault.spec.type, 0) + 1
        while host.cluster.injector.active:  # noqa: ASYNC110 - the engine's time
            await asyncio.sleep(0.05)
        assert host.podman is not None
        await host.podman.disturber.settle()
        after = traces()
        await until_ready(host)
        # A component that was killed last is cut off until its kubelet has started it again.
        while any(link.is_cut or link.losses for link in host.cluster.links.values()):  # noqa: ASYNC110 - the engine's time
            await asyncio.sleep(0.1)
        while not (phases := _phases(host)) <= ENDED:  # noqa: ASYNC110 - the engine's time
            await asyncio.sleep(0.1)  # what is over is written once the API takes writes again
        in_force = host.podman.disturber.count
    finally:
        await host.stop()

    assert after == before
    assert traces() == before
    assert in_force == 0
    assert phases <= ENDED
    assert sum(seen.values()) == COUNT


FAULTS = """
apiVersion: kubarium.dev/v1
kind: Fault
metadata: {{name: {name}}}
spec:
  type: {type}
  target: {{pods: [held]}}
  params: {params}
"""


def test_a_killed_kubarium_undoes_its_faults_at_the_next_start(tmp_path: Path) -> None:
    """From what it put down before it did it; the faults say that they are over."""
    before = traces()
    data = ("--data", str(tmp_path / "data"))
    served = Served.start(tmp_path, *data)
    try:
        served.kubectl("run", "held", "--image=localhost/kubarium/demo:v1")
        served.kubectl("wait", "--for=condition=Ready", "pod/held", "--timeout=60s")
        for type_, params in (
            ("stress.cpu", "{load: 10}"),
            ("net.partition", "{}"),
            ("net.delay", "{latency: 1s}"),
            ("net.bandwidth", "{}"),
            ("disk.fill", "{bytes: 1Mi}"),
            ("container.pause", "{}"),
        ):
            name = type_.replace(".", "-")
            text = FAULTS.format(name=name, type=type_, params=params)
            served.kubectl("apply", "-f", "-", stdin=text)
            wanted = "jsonpath={.status.phase}=Active"
            served.kubectl("wait", f"--for={wanted}", f"fault/{name}", "--timeout=20s")
        time.sleep(0.5)
        during = traces()
    finally:
        served.kill()
    served = Served.start(tmp_path, *data)
    try:
        served.kubectl(
            "wait", "--for=jsonpath={.status.phase}=Recovered", "fault", "--all", "--timeout=30s"
        )
        after = traces()
        ready = served.kubectl("exec", "held", "--", "/bin/true")
        served.kubectl("delete", "pod", "held", "--now")  # what is kept would go on
    finally:
        served.stop()

    assert all(during[kind] > before[kind] for kind in before if kind != "mangle tables"), during
    assert after == before
    assert ready == ""
