"""Side-cars, hooks and volumes that are not there yet."""

from engine.api.core import ConfigMap
from engine.api.meta import ObjectMeta
from tests.engine.kubelet.station import DEMO, Station

BUSYBOX = "busybox:1.36"
SIDECAR = {"name": "side", "image": DEMO, "restartPolicy": "Always"}


def test_sidecar_runs_beside_the_others(station: Station) -> None:
    """A restartable init container starts first and goes on running."""
    station.pod(spec={"initContainers": [SIDECAR]})

    station.run(5.0)

    assert station.status(container="side").ready
    assert station.condition("Ready") == "True"


def test_sidecar_does_not_keep_a_pod_from_completing(station: Station) -> None:
    """When the containers have ended, the side-car is stopped and the pod has succeeded."""
    spec = {"initContainers": [SIDECAR], "restartPolicy": "Never"}
    station.pod(image=BUSYBOX, command=["sleep", "3"], spec=spec)

    station.run(15.0)

    assert station.get().status.phase == "Succeeded"
    assert station.status(container="side").state.terminated is not None


def test_crashed_sidecar_is_restarted(station: Station) -> None:
    """A side-car that ends is started again, whatever the pod's restart policy."""
    station.pod(spec={"initContainers": [SIDECAR], "restartPolicy": "Never"})
    station.run(5.0)

    station.kill(container="side")
    station.run(3.0)

    assert station.status(container="side").restart_count == 1
    assert station.status().restart_count == 0


def test_failed_init_container_fails_a_pod_that_is_never_restarted(station: Station) -> None:
    """With restartPolicy Never one failed init container is the end."""
    init = {"name": "one", "image": BUSYBOX, "command": ["false"]}
    station.pod(spec={"initContainers": [init], "restartPolicy": "Never"})

    station.run(5.0)

    assert station.get().status.phase == "Failed"
    assert station.waiting() == "PodInitializing"


def test_failed_post_start_hook_kills_the_container(station: Station) -> None:
    """A container whose post-start hook fails is killed and tried again."""
    station.pod(lifecycle={"postStart": {"exec": {"command": ["false"]}}})

    station.run(5.0)

    assert station.told("FailedPostStartHook") == ["PostStartHook failed"]
    assert station.condition("Ready") == "False"


def test_container_is_not_ready_before_its_post_start_hook_is_done(station: Station) -> None:
    """Readiness waits for the hook."""
    station.pod(lifecycle={"postStart": {"sleep": {"seconds": 4}}})

    station.run(3.0)
    assert station.condition("Ready") == "False"
    station.run(4.0)

    assert station.condition("Ready") == "True"


def test_pod_waits_for_a_volume_that_is_missing(station: Station) -> None:
    """Nothing starts, an Event says what is missing, and the pod starts when it is there."""
    station.pod(
        spec={"volumes": [{"name": "conf", "configMap": {"name": "conf"}}]},
        volumeMounts=[{"name": "conf", "mountPath": "/conf"}],
    )
    station.run(5.0)
    assert station.waiting() == "ContainerCreating"
    said = 'MountVolume.SetUp failed for volume "conf" : configmap "conf" not found'
    assert station.told("FailedMount") == [said]

    station.client.create(ConfigMap(metadata=ObjectMeta(name="conf", namespace="default")))
    station.run(3.0)

    assert station.condition("Ready") == "True"


def test_out_of_memory_is_reported(station: Station) -> None:
    """A container that uses more than its limit is killed and says OOMKilled."""
    station.pod(
        annotations={"simulation.kubarium.dev/memory": "128Mi"},
        resources={"limits": {"memory": "64Mi"}},
    )

    station.run(4.0)

    ended = station.status().last_state.terminated
    assert ended is not None
    assert (ended.reason, ended.exit_code) == ("OOMKilled", 137)
