"""Kill what a cluster on real containers stands on: it comes back to what its store says.

One cluster for all: each test breaks something else and waits until the same pods are Ready.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.adapters.podman.records import memory_folder
from tests.e2e.served import Served

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]

PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: localhost/kubarium/demo:v1
          readinessProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1}
"""
FOREIGN = "somebody-elses"


def wait_until(is_so: Callable[[], bool], *, seconds: float) -> None:
    """Return when *is_so*.

    Raises:
        AssertionError: it is not after *seconds*.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds:g} seconds"
        time.sleep(0.25)


class Crashing:
    """A server with data, its Podman, and a container in it that is not ours."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.served = self._serve()
        self.served.kubectl("apply", "-f", "-", stdin=PODS)
        self.wait_until_ready()
        demo = "localhost/kubarium/demo:v1"
        self.podman("run", "-d", "--name", FOREIGN, "--network", "none", demo)

    def _serve(self) -> Served:
        return Served.start(self.folder, "--nodes", "1", "--data", str(self.data))

    def restart(self) -> None:
        """Start the server again on what the killed one left."""
        self.served = self._serve()

    @property
    def state(self) -> Path:
        """The folder of the cluster's Podman."""
        return self.data / "podman"

    @property
    def service(self) -> int:
        """The process of the Podman service."""
        return int((self.state / "service.pid").read_text())

    def podman(self, *arguments: str) -> str:
        """Run `podman` on the cluster's store, through its service."""
        url = f"unix://{self.state}/podman.sock"
        done = subprocess.run(
            ["podman", "--url", url, *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """Pods' statuses of their containers, by pod."""
        found = self.served.get("pods", "-l", "app=web")["items"]
        return {
            pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]
            for pod in found
            if pod["status"].get("containerStatuses")
        }

    def ids(self) -> set[str]:
        """The ids of the containers that run."""
        return {status.get("containerID", "") for status in self.containers().values()}

    def is_ready(self) -> bool:
        """Whether three pods are Ready, and each container that is said to run really does."""
        statuses = self.containers().values()
        if [status["ready"] for status in statuses] != [True] * 3:
            return False
        listed = json.loads(self.podman("ps", "--format", "json"))
        running = {f"podman://{item['Id']}" for item in listed}
        return {status["containerID"] for status in statuses} <= running

    def wait_until_ready(self, but: Callable[[], bool] = lambda: True) -> None:
        """Wait until the cluster is as its store says, and *but* holds."""
        wait_until(lambda: self.is_ready() and but(), seconds=60)


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashing]:
    """The cluster; at the end nothing of it is left."""
    crashing = Crashing(tmp_path_factory.mktemp("crashes"))
    yield crashing
    assert FOREIGN in crashing.podman("ps", "--format", "{{.Names}}")
    crashing.served.kubectl("delete", "deployment", "web")
    wait_until(lambda: not crashing.served.get("pods")["items"], seconds=30)
    crashing.podman("rm", "-f", "-t", "0", FOREIGN)
    crashing.served.stop()
    shutil.rmtree(crashing.data, ignore_errors=True)


def test_a_killed_podman_service_costs_no_container(crashing: Crashing) -> None:
    """Containers go on as they are; the service is there again, and makes new ones."""
    before = crashing.ids()

    service = crashing.service
    os.kill(service, signal.SIGKILL)
    wait_until(lambda: crashing.service != service, seconds=20)
    crashing.wait_until_ready()
    assert crashing.ids() == before

    name = next(iter(crashing.containers()))
    crashing.served.kubectl("delete", "pod", name)
    crashing.wait_until_ready(lambda: name not in crashing.containers())
    assert len(crashing.ids() & before) == 2


def test_a_killed_conmon_keeps_no_pod_from_ending(crashing: Crashing) -> None:
    """Podman believes for ever that such a container runs; its pod can go all the same."""
    name, status = next(iter(crashing.containers().items()))
    container = status["containerID"].removeprefix("podman://")
    conmon = crashing.podman("inspect", "--format", "{{.State.ConmonPid}}", container)
    os.kill(int(conmon), signal.SIGKILL)

    crashing.served.kubectl("delete", "pod", name)

    crashing.wait_until_ready(lambda: name not in crashing.containers())


def test_a_lost_sandbox_is_made_again(crashing: Crashing) -> None:
    """Whoever kills the process that holds a pod's namespaces, the same pod gets new ones."""
    name = next(iter(crashing.containers()))
    uid = crashing.served.get("pod", name)["metadata"]["uid"]
    (pause,) = memory_folder(crashing.state).rglob(f"{uid}/pause.*")

    os.kill(int(pause.read_text()), signal.SIGKILL)

    crashing.wait_until_ready(lambda: crashing.containers()[name]["restartCount"] > 0)
    reasons = {
        event["reason"]
        for event in crashing.served.get("events")["items"]
        if event["involvedObject"].get("uid") == uid
    }
    assert "SandboxChanged" in reasons


def test_after_all_containers_were_removed_the_pods_come_back(crashing: Crashing) -> None:
    """As after a reboot: the same pods, in new containers."""
    names, before = set(crashing.containers()), crashing.ids()
    listed = json.loads(crashing.podman("ps", "-a", "--format", "json"))
    ours = [item["Id"] for item in listed if FOREIGN not in item["Names"]]
    crashing.podman("rm", "-f", "-t", "0", *ours)

    crashing.wait_until_ready(lambda: not crashing.ids() & before)

    assert set(crashing.containers()) == names


def test_a_reboot_while_we_are_down_brings_every_pod_back(crashing: Crashing) -> None:
    """Killed, with all pods removed meanwhile: the next start makes what the store says."""
    names, before = set(crashing.containers()), crashing.ids()
    pods = crashing.podman("pod", "ps", "-q").split()
    crashing.served.kill()
    crashing.podman("pod", "rm", "-f", "-t", "0", *pods)

    crashing.restart()

    crashing.wait_until_ready(lambda: not crashing.ids() & before)
    assert set(crashing.containers()) == names


def test_a_killed_server_takes_its_containers_over(crashing: Crashing) -> None:
    """Nothing is restarted, nothing is there twice, and what is not ours runs on."""
    before = crashing.ids()
    crashing.served.kill()

    crashing.restart()
    crashing.wait_until_ready()

    assert crashing.ids() == before
    listed = json.loads(crashing.podman("ps", "-a", "--format", "json"))
    running = [item for item in listed if item["State"] == "running"]
    assert len(running) == 4
    assert FOREIGN in {name for item in running for name in item["Names"]}


def test_a_service_that_hangs_is_told_and_replaced(crashing: Crashing) -> None:
    """The nodes are not Ready for a while; then another service answers, with all containers."""
    before, service = crashing.ids(), crashing.service
    os.kill(service, signal.SIGSTOP)

    wait_until(lambda: "NotReady" in crashing.served.kubectl("get", "nodes"), seconds=40)
    wait_until(lambda: "NotReady" not in crashing.served.kubectl("get", "nodes"), seconds=40)
    crashing.wait_until_ready()

    assert crashing.service != service
    assert crashing.ids() == before
