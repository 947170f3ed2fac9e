"""How pods end: in which order, after how long, and what is said meanwhile."""

from engine.api.pod import Pod
from engine.cri.events import ContainerExited
from engine.simulation.storage import Tree
from tests.engine.kubelet.station import DEMO, Station

BUSYBOX = "busybox:1.36"


def sidecar(name: str) -> dict[str, str]:
    """A restartable init container."""
    return {"name": name, "image": DEMO, "restartPolicy": "Always"}


def exits(station: Station) -> list[str]:
    """The containers that have ended, in their order."""
    return [event.name for event in station.seen if isinstance(event, ContainerExited)]


def test_sidecars_end_last_and_in_reverse(station: Station) -> None:
    """First the containers they serve, then the last side-car, then the one before."""
    station.pod(spec={"initContainers": [sidecar("one"), sidecar("two")]})
    station.run(5.0)

    station.client.delete(Pod, "web", namespace="default")
    station.run(10.0)

    assert exits(station) == ["main", "two", "one"]
    assert not station.exists()


def test_a_negative_grace_period_is_one_second(station: Station) -> None:
    """It is accepted, as Kubernetes does, and the container is killed after a second."""
    spec = {"terminationGracePeriodSeconds": -5}
    station.pod(image=BUSYBOX, command=["sleep", "1000"], spec=spec)
    station.run(5.0)

    station.client.delete(Pod, "web", namespace="default")

    assert station.get().metadata.deletion_grace_period_seconds == 1
    station.run(5.0)
    assert not station.exists()


def test_a_pod_is_not_over_before_its_last_container(station: Station) -> None:
    """The deadline has passed, but the phase changes only when nothing runs any more."""
    spec = {"activeDeadlineSeconds": 5, "terminationGracePeriodSeconds": 10}
    station.pod(image=BUSYBOX, command=["sleep", "1000"], spec=spec)
    station.run(8.0)
    assert station.get().status.phase == "Running"

    station.run(10.0)

    status = station.get().status
    assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")


def test_a_rule_restarts_a_container_that_would_stay_down(station: Station) -> None:
    """The first rule that its exit code matches counts before its policy."""
    rule = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    for name, code in (("again", 42), ("once", 1)):
        station.pod(
            name,
            image=BUSYBOX,
            command=["sh", "-c", f"sleep 1; exit {code}"],
            restartPolicy="Never",
            restartPolicyRules=[rule],
            spec={"restartPolicy": "Never"},
        )
    station.run(6.0)

    assert station.status("again").restart_count == 1
    assert station.status("once").restart_count == 0
    assert station.get("once").status.phase == "Failed"


def test_a_pod_is_evicted_when_its_volume_is_too_full(station: Station) -> None:
    """It fails with the kubelet's words; its containers get a second."""
    volume = {"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}
    station.pod(spec={"volumes": [volume]}, volumeMounts=[{"name": "cache", "mountPath": "/cache"}])
    station.run(5.0)
    (sandbox,) = station.runtime.sandboxes.values()
    sandbox.trees["cache"] = Tree(files={"big": bytes(2 << 20)})

    station.run(15.0)

    status = station.get().status
    assert (status.phase, status.reason) == ("Failed", "Evicted")
    assert station.condition("DisruptionTarget") == "True"
    assert status.message == 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". '


def test_a_pod_is_evicted_when_a_container_wrote_too_much(station: Station) -> None:
    """Its own files, volumes and log count together, also after a restart of the kubelet."""
    station.pod(
        image=BUSYBOX,
        command=["sh", "-c", "sleep 30; echo 123456789012345678901234567890 > /tmp/x; sleep 900"],
        resources={"limits": {"ephemeral-storage": "20"}},
    )
    station.run(12.0)
    station.kubelet.stop()
    station.kubelet.start()
    station.run(35.0)

    status = station.get().status
    assert (status.phase, status.reason) == ("Failed", "Evicted")
    total = "Pod ephemeral local storage usage exceeds the total limit of containers 20. "
    assert status.message == total


def test_last_words_are_the_message_of_a_failed_container(station: Station) -> None:
    """With FallbackToLogsOnError the log's end is in the status."""
    station.pod(
        image=BUSYBOX,
        command=["sh", "-c", "echo no database; exit 3"],
        terminationMessagePolicy="FallbackToLogsOnError",
        spec={"restartPolicy": "Never"},
    )
    station.run(5.0)

    ended = station.status().state.terminated
    assert ended is not None
    assert ended.message == "no database\n"


def test_an_unknown_runtime_handler_is_told(station: Station) -> None:
    """A class may name a handler that no node has; the sandbox fails in the runtime's words."""
    station.create(
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "vm"},
            "handler": "kata",
        }
    )
    station.pod(spec={"runtimeClassName": "vm"})
    station.run(3.0)

    assert station.told("FailedCreatePodSandBox")[0].endswith(
        'failed to get sandbox runtime: no runtime for "kata" is configured'
    )


def test_a_container_that_cannot_be_run_counts_as_ended(station: Station) -> None:
    """It has ended with 128, by StartError, and is tried again with the usual waits."""
    station.pod(annotations={"simulation.kubarium.dev/start-fails": "exec: not found"})
    station.run(5.0)

    status = station.status()

    assert station.waiting() == "CrashLoopBackOff"
    assert status.restart_count == 1
    assert station.told("Failed")[0] == "Error: exec: not found"
    assert status.last_state.terminated is not None
    assert status.last_state.terminated.exit_code == 128
    assert status.last_state.terminated.reason == "StartError"
