"""Pods that have ended hold nothing of their node, and tell what they have left until they go."""

import pytest

from engine.api.core import Secret
from engine.api.meta import condition_of
from engine.api.pod import Pod
from engine.cri.commands import Command, UpdateVolume
from engine.cri.events import SandboxStopped
from engine.simulation.runtime import SimulatedRuntime
from tests.engine.kubelet.station import Station

SHELL = "busybox:1.36"
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}
WITH_SECRET = {"volumes": [{"name": "v", "secret": {"secretName": "s", "optional": True}}]}


def task(station: Station, command: str, **spec: object) -> None:
    """A pod that runs a shell's *command* once."""
    words = ["sh", "-c", command]
    station.pod(image=SHELL, command=words, spec={"restartPolicy": "Never", **spec})


@pytest.mark.parametrize(("command", "phase"), [("exit 0", "Succeeded"), ("exit 3", "Failed")])
def test_a_pod_that_has_ended_gives_its_sandbox_back(
    station: Station, command: str, phase: str
) -> None:
    """The address is free again; the status, with that address, is told as before."""
    task(station, command)

    station.run(10.0)

    (sandbox,) = station.runtime.list_sandboxes()
    status = station.get().status
    assert (sandbox.is_stopped, sandbox.ip) == (True, "")
    assert status.phase == phase
    assert status.pod_ip.startswith("10.244.1.")
    assert [found.state for found in sandbox.containers] == ["exited"]
    assert station.told("SandboxChanged") == []


def test_a_pod_whose_init_container_failed_gives_its_sandbox_back(station: Station) -> None:
    """Nothing of it will ever be started."""
    init = {"name": "first", "image": SHELL, "command": ["sh", "-c", "exit 1"]}
    task(station, "exit 0", initContainers=[init])

    station.run(10.0)

    (sandbox,) = station.runtime.list_sandboxes()
    assert (sandbox.is_stopped, station.get().status.phase) == (True, "Failed")


def test_a_pod_that_runs_again_keeps_its_sandbox(station: Station) -> None:
    """Waiting for its next try, a pod has not ended."""
    task(station, "exit 1", restartPolicy="OnFailure")

    station.run(60.0)

    (sandbox,) = station.runtime.list_sandboxes()
    assert not sandbox.is_stopped


def test_an_ended_pod_is_adopted_as_it_is(station: Station) -> None:
    """A kubelet that starts makes no sandbox for it, writes nothing, and removes it when told."""
    task(station, "exit 3")
    station.run(10.0)
    before = station.get()

    station.kubelet.stop()
    station.kubelet.start()
    station.run(30.0)

    (sandbox,) = station.runtime.list_sandboxes()
    assert sandbox.is_stopped
    assert station.get() == before
    assert len([event for event in station.seen if isinstance(event, SandboxStopped)]) == 1

    station.client.delete(Pod, "web", namespace="default")
    station.run(10.0)
    assert (station.exists(), station.runtime.list_sandboxes()) == (False, ())


class _Noting(SimulatedRuntime):
    """Remembers which volumes it was given other content for."""

    updates: list[UpdateVolume]

    def submit(self, command: Command) -> None:
        """Note it."""
        if isinstance(command, UpdateVolume):
            self.updates = [*getattr(self, "updates", []), command]
        super().submit(command)


def test_the_volumes_of_an_ended_pod_are_not_written_again() -> None:
    """A secret that changes comes not back into the node's memory."""
    station = Station(runtime_class=_Noting)
    station.create(SECRET)
    task(station, "exit 0", **WITH_SECRET)
    station.run(10.0)

    data = {"key": "dmFsdWU="}
    station.client.patch(Secret, "s", {"data": data}, namespace="default")
    labels = {"metadata": {"labels": {"a": "b"}}}
    station.client.patch(Pod, "web", labels, namespace="default")
    station.run(120.0)

    assert not hasattr(station.runtime, "updates")


def test_a_pod_placed_by_its_maker_is_scheduled(station: Station) -> None:
    """The kubelet says so where no scheduler has."""
    station.pod()

    station.run(5.0)

    condition = condition_of(station.get().status.conditions, "PodScheduled")
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "")
