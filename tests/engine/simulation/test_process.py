"""Process 1 of simulated containers: it runs, writes, is told to end, and is looked at."""

from engine.cri.commands import FileContent, UpdateVolume, Volume
from engine.cri.runtime import LogOptions
from tests.engine.kubelet.station import Station

DATA = {"name": "data", "emptyDir": {}}
MOUNT = [{"name": "data", "mountPath": "/data"}]


def script(text: str) -> list[str]:
    """A command that runs *text*."""
    return ["sh", "-c", text]


async def said(station: Station) -> str:
    """What the container wrote to its log."""
    container_id = station.kubelet.container_id_for(station.get(), "main")
    pieces = [piece async for piece in station.runtime.logs(container_id, LogOptions())]
    return b"".join(pieces).decode()


async def test_what_a_script_finds_and_says_is_in_the_log(station: Station) -> None:
    """Variables, files of volumes and the user's own rights are as the pod has them."""
    text = 'echo "$NAME"; id -u; echo hi > /data/x; stat -c "%a %u" /data/x; cat /data/x; exit 3'
    station.pod(
        image="busybox:1.36",
        command=script(text),
        env=[{"name": "NAME", "value": "me"}],
        securityContext={"runAsUser": 1001},
        volumeMounts=MOUNT,
        spec={"restartPolicy": "Never", "volumes": [DATA]},
    )
    station.run(10.0)

    assert await said(station) == "me\n1001\n644 1001\nhi\n"
    ended = station.status().state.terminated
    assert ended is not None
    assert ended.exit_code == 3


async def test_containers_of_a_pod_share_what_they_write(station: Station) -> None:
    """What an init container leaves in a volume its successors read."""
    init = {"name": "first", "image": "busybox:1.36", "volumeMounts": MOUNT}
    station.pod(
        image="busybox:1.36",
        command=script("cat /data/left"),
        volumeMounts=MOUNT,
        spec={
            "restartPolicy": "Never",
            "volumes": [DATA],
            "initContainers": [{**init, "command": script("echo -n kept > /data/left")}],
        },
    )
    station.run(15.0)

    assert await said(station) == "kept"


async def test_a_loop_takes_its_time(station: Station) -> None:
    """Each round waits in virtual time, and the log has what was said until now."""
    text = 'i=0; while true; do echo "round $i"; i=$((i+1)); sleep 2; done'
    station.pod(image="busybox:1.36", command=script(text))
    station.run(10.0)

    lines = (await said(station)).splitlines()

    assert lines[:3] == ["round 0", "round 1", "round 2"]
    assert len(lines) < 8


def test_a_message_is_what_the_process_wrote(station: Station) -> None:
    """The termination message comes from the file at its path."""
    station.pod(
        image="busybox:1.36",
        command=script("echo -n DONE > /tmp/message"),
        terminationMessagePath="/tmp/message",
        spec={"restartPolicy": "Never"},
    )
    station.run(10.0)

    ended = station.status().state.terminated
    assert ended is not None
    assert ended.message == "DONE"


def test_a_handler_ends_the_container_in_order(station: Station) -> None:
    """A process with a trap for its stop signal ends with the code that the trap says."""
    text = "trap 'exit 7' TERM; while true; do sleep 1; done"
    station.pod(image="busybox:1.36", command=script(text), spec={"restartPolicy": "Never"})
    station.run(5.0)

    station.client.delete(type(station.get()), "web", namespace="default")
    station.run(1.0)

    codes = [event.exit_code for event in station.seen if hasattr(event, "exit_code")]
    assert codes == [7]


def test_a_probe_looks_at_the_files_that_are_there(station: Station) -> None:
    """Once the file is gone, the liveness probe fails and the container is started again."""
    probe = {"exec": {"command": ["cat", "/tmp/health"]}, "periodSeconds": 1, "failureThreshold": 1}
    station.pod(
        image="busybox:1.36",
        command=script("echo ok > /tmp/health; sleep 10; rm /tmp/health; sleep 600"),
        livenessProbe=probe,
        spec={"terminationGracePeriodSeconds": 1},
    )
    station.run(8.0)
    before = station.status().restart_count

    station.run(20.0)

    assert before == 0
    assert station.status().restart_count >= 1


async def test_new_content_is_seen_by_who_reads_it(station: Station) -> None:
    """A ConfigMap that changes changes for a running process."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"key": "old"}}
    station.create({**body, "metadata": {"name": "settings", "namespace": "default"}})
    made = station.pod(
        image="busybox:1.36",
        command=script("while true; do cat /data/key; echo; sleep 5; done"),
        volumeMounts=MOUNT,
        spec={"volumes": [{"name": "data", "configMap": {"name": "settings"}}]},
    )
    station.run(8.0)
    assert station.kubelet.workers is not None
    identity = station.kubelet.workers.states[made.metadata.uid].identity

    files = (FileContent(path="key", data=b"new"),)
    station.submit(UpdateVolume(pod=identity, volume=Volume(name="data", files=files)))
    station.run(8.0)

    assert (await said(station)).split()[0] == "old"
    assert (await said(station)).split()[-1] == "new"


def test_the_root_can_be_read_only(station: Station) -> None:
    """Volumes can be written to all the same."""
    station.pod(
        image="busybox:1.36",
        command=script("touch /x && exit 1; touch /data/x"),
        securityContext={"readOnlyRootFilesystem": True},
        volumeMounts=MOUNT,
        spec={"restartPolicy": "Never", "volumes": [DATA]},
    )
    station.run(10.0)

    ended = station.status().state.terminated
    assert ended is not None
    assert ended.exit_code == 0
