"""A pod's life on a node, from binding to removal, seen through the API."""

import attrs
import pytest

from engine.api.core import ConfigMap
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod
from engine.cri.commands import UpdateVolume
from tests.engine.kubelet.station import DEMO, NODE, Station

READY = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 2}
BUSYBOX = "busybox:1.36"


def test_pod_runs_and_is_ready(station: Station) -> None:
    """A bound pod gets a sandbox, an address and running containers, and the status says so."""
    station.pod()

    station.run(5.0)

    status = station.get().status
    assert (status.phase, status.qos_class, status.host_ip) == (
        "Running",
        "BestEffort",
        NODE.address,
    )
    assert status.pod_ip.startswith("10.244.1.")
    assert station.condition("Ready") == "True"
    assert station.status().container_id.startswith("simulated://")


def test_events_tell_a_start(station: Station) -> None:
    """What a user sees of a start with an image that is there."""
    station.pod()

    station.run(5.0)

    present = f'Container image "{DEMO}" already present on machine'
    assert station.told("Pulled") == [present]
    assert station.told("Created") == ["Created container: main"]
    assert station.told("Started") == ["Started container main"]
    assert station.told("Pulling") == []


def test_steady_pod_writes_nothing(station: Station) -> None:
    """A pod that just runs causes no writes and no steps of its own."""
    station.pod()
    station.run(30.0)
    before = station.get().revision

    station.run(300.0)

    assert station.get().revision == before


def test_killed_container_restarts_at_once(station: Station) -> None:
    """The first restart does not wait; the run before is the last state."""
    station.pod()
    station.run(5.0)

    station.kill()
    station.run(2.0)

    status = station.status()
    assert (status.ready, status.restart_count) == (True, 1)
    ended = status.last_state.terminated
    assert ended is not None
    assert (ended.exit_code, ended.reason) == (137, "Error")


def test_crashing_container_backs_off(station: Station) -> None:
    """A container that ends again and again waits 10, 20, 40 seconds in CrashLoopBackOff."""
    station.pod(image=BUSYBOX, command=["sh", "-c", "exit 3"])

    station.run(5.0)

    assert station.waiting() == "CrashLoopBackOff"
    assert station.status().restart_count == 1
    station.run(35.0)
    assert station.status().restart_count == 3
    assert station.told("BackOff")[0].startswith("Back-off restarting failed container main")


def test_missing_image_backs_off(station: Station) -> None:
    """An image that does not exist leads to ErrImagePull and then ImagePullBackOff."""
    station.pod(image="nginx:1.161")

    station.run(5.0)

    assert station.waiting() == "ImagePullBackOff"
    assert station.get().status.phase == "Pending"
    assert 'Back-off pulling image "nginx:1.161"' in station.told("BackOff")


def test_pod_with_missing_config_map_starts_when_it_comes(station: Station) -> None:
    """A missing ConfigMap is CreateContainerConfigError; creating it is all that is needed."""
    station.pod(envFrom=[{"configMapRef": {"name": "settings"}}])
    station.run(5.0)
    assert station.waiting() == "CreateContainerConfigError"

    station.client.create(
        ConfigMap(metadata=ObjectMeta(name="settings", namespace="default"), data=FrozenDict())
    )
    station.run(2.0)

    assert station.condition("Ready") == "True"


def test_init_containers_run_first_and_in_order(station: Station) -> None:
    """The container starts only when every init container has ended well."""
    inits = [{"name": name, "image": BUSYBOX, "command": ["sleep", "2"]} for name in ("one", "two")]
    station.pod(spec={"initContainers": inits})

    station.run(2.5)
    assert station.waiting(container="two") == "PodInitializing"
    assert station.condition("Initialized") == "False"
    station.run(6.0)

    assert station.condition("Ready") == "True"
    assert station.status(container="two").ready


@pytest.mark.parametrize(
    ("command", "policy", "phase"),
    [
        pytest.param(["sleep", "2"], "Never", "Succeeded", id="completes"),
        pytest.param(["sh", "-c", "exit 1"], "Never", "Failed", id="fails"),
        pytest.param(["sleep", "2"], "OnFailure", "Succeeded", id="completes-on-failure"),
        pytest.param(["sh", "-c", "exit 1"], "OnFailure", "Running", id="is-tried-again"),
    ],
)
def test_phase_of_a_pod_that_ends(
    station: Station, command: list[str], policy: str, phase: str
) -> None:
    """Phase follows from how the containers ended and the restart policy."""
    station.pod(image=BUSYBOX, command=command, spec={"restartPolicy": policy})

    station.run(10.0)

    assert station.get().status.phase == phase


def test_readiness_follows_its_probe(station: Station) -> None:
    """A container whose readiness probe fails runs, but is not ready and is not restarted."""
    broken = "localhost/kubarium/demo:v3"
    station.pod("bad", image=broken, readinessProbe=READY)
    station.pod("good", readinessProbe=READY)

    station.run(30.0)

    assert station.condition("Ready", "good") == "True"
    assert station.condition("Ready", "bad") == "False"
    assert station.status("bad").restart_count == 0
    assert "Readiness probe failed: HTTP probe failed with statuscode: 500" in station.told(
        "Unhealthy"
    )


def test_failed_liveness_restarts(station: Station) -> None:
    """A container that fails its liveness probe often enough is killed and started again."""
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 2}
    station.pod(livenessProbe=probe)

    station.run(6.0)

    assert station.status().restart_count == 1
    assert station.told("Killing") == ["Container main failed liveness probe, will be restarted"]


def test_startup_probe_holds_the_others_back(station: Station) -> None:
    """Until the start-up probe has passed, the container has not started and is not ready."""
    annotations = {"simulation.kubarium.dev/ready-after": "6"}
    station.pod(
        annotations=annotations,
        startupProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 30},
        livenessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
    )

    station.run(4.0)
    assert station.status().started is False
    station.run(6.0)

    assert (station.status().started, station.status().restart_count) == (True, 0)


def test_deleted_pod_ends_gracefully_and_then_goes(station: Station) -> None:
    """The object stays until its containers have ended and their sandbox is removed."""
    station.pod()
    station.run(5.0)

    station.client.delete(Pod, "web", namespace="default")
    station.run(1.0)
    assert station.exists()
    station.run(3.0)

    assert not station.exists()
    assert station.runtime.list_sandboxes() == ()
    assert station.told("Killing") == ["Stopping container main"]


def test_grace_period_is_kept(station: Station) -> None:
    """A process that does not listen is killed when the grace period is over, not before."""
    station.pod(image=BUSYBOX, command=["sleep", "3600"])
    station.run(5.0)

    station.client.delete(Pod, "web", namespace="default", grace_period_seconds=10)
    station.run(9.0)
    assert station.exists()
    station.run(2.0)

    assert not station.exists()


def test_pre_stop_hook_runs_before_the_signal(station: Station) -> None:
    """A sleeping pre-stop hook delays the end by its time."""
    station.pod(lifecycle={"preStop": {"sleep": {"seconds": 5}}})
    station.run(5.0)

    station.client.delete(Pod, "web", namespace="default")
    station.run(5.0)
    assert station.status().state.running is not None
    station.run(3.0)

    assert not station.exists()


def test_forced_deletion_leaves_no_container(station: Station) -> None:
    """When the object vanishes, its containers are ended all the same."""
    station.pod()
    station.run(5.0)

    station.client.delete(Pod, "web", namespace="default", grace_period_seconds=0)
    station.run(5.0)

    assert station.runtime.list_sandboxes() == ()


def test_active_deadline_fails_the_pod(station: Station) -> None:
    """A pod that is active for too long fails, with its containers stopped."""
    station.pod(spec={"activeDeadlineSeconds": 10})

    station.run(15.0)

    status = station.get().status
    assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")
    assert station.status().state.terminated is not None


def test_restarted_kubelet_adopts_its_containers(station: Station) -> None:
    """Containers go on while the kubelet is away and are neither restarted nor lost."""
    station.pod(readinessProbe=READY)
    station.run(5.0)
    before = station.status()

    station.kubelet.stop()
    station.run(20.0)
    station.kubelet.start()
    station.run(5.0)

    after = station.status()
    assert (after.container_id, after.restart_count) == (before.container_id, 0)
    assert station.condition("Ready") == "True"


def test_pods_come_back_after_a_power_cut(station: Station) -> None:
    """Containers lost with their node are started again and counted."""
    station.pod()
    station.run(5.0)

    station.kubelet.stop()
    station.runtime.power_off()
    station.run(10.0)
    station.kubelet.start()
    station.run(5.0)

    status = station.status()
    assert (status.ready, status.restart_count) == (True, 1)
    ended = status.last_state.terminated
    assert ended is not None
    assert ended.reason == "ContainerStatusUnknown"


def test_pod_deleted_while_the_kubelet_was_away_is_removed(station: Station) -> None:
    """A kubelet that starts removes what belongs to no pod any more."""
    station.pod()
    station.run(5.0)
    station.kubelet.stop()
    station.client.delete(Pod, "web", namespace="default", grace_period_seconds=0)

    station.kubelet.start()
    station.run(2.0)

    assert station.runtime.list_sandboxes() == ()


def test_status_is_written_after_a_partition(station: Station) -> None:
    """What happened behind a cut link is reported when it heals."""
    station.pod()
    station.run(5.0)
    station.link.cut()
    station.kill()
    station.run(30.0)
    assert station.status().restart_count == 0

    station.link.heal()
    station.run(10.0)

    assert station.status().restart_count == 1


def test_config_map_volume_is_updated_live(station: Station) -> None:
    """A changed ConfigMap reaches the volume of a running pod."""
    meta = ObjectMeta(name="settings", namespace="default")
    created = station.client.create(ConfigMap(metadata=meta, data=FrozenDict({"colour": "red"})))
    station.pod(
        spec={"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]},
        volumeMounts=[{"name": "settings", "mountPath": "/etc/settings"}],
    )
    station.run(5.0)
    updates: list[UpdateVolume] = []
    station.runtime.on_volume = updates.append

    station.client.update(attrs.evolve(created, data=FrozenDict({"colour": "blue"})))
    station.run(1.0)

    (update,) = updates
    assert update.volume.files is not None
    assert [(file.path, file.data) for file in update.volume.files] == [("colour", b"blue")]


def test_changed_image_restarts_the_container(station: Station) -> None:
    """A container whose image is changed in place is replaced."""
    station.pod()
    station.run(5.0)

    pod = station.get()
    main = attrs.evolve(pod.spec.containers[0], image="localhost/kubarium/demo:v2")
    station.client.update(attrs.evolve(pod, spec=attrs.evolve(pod.spec, containers=(main,))))
    station.run(5.0)

    assert station.status().image_id.endswith("demo:v2")
    assert station.told("Killing") == ["Container main definition changed, will be restarted"]
