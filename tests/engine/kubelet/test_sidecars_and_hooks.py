"""Side-cars, hooks and volumes that are not there yet."""

from engine.api.core import ConfigMap
from engine.api.meta import ObjectMeta, condition_of
from engine.api.pod import Pod
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


def test_a_pod_is_as_ready_as_its_sidecars(station: Station) -> None:
    """One that is not ready is named."""
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    station.pod(spec={"initContainers": [{**SIDECAR, "readinessProbe": probe}]})

    station.run(5.0)

    ready = condition_of(station.get().status.conditions, "Ready")
    assert ready is not None
    assert ready.message == "containers with unready status: [side]"
    assert station.condition("Initialized") == "True"


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


def test_nothing_is_told_of_a_container_before_its_post_start_hook_is_done(
    station: Station,
) -> None:
    """It waits as if it were not there, and the containers after it wait for it."""
    second = {"name": "second", "image": DEMO}
    main = {"name": "main", "image": DEMO}
    main["lifecycle"] = {"postStart": {"exec": {"command": ["sleep", "20"]}}}  # type: ignore[assignment]
    station.pod(spec={"containers": [main, second]})

    station.run(15.0)
    assert station.get().status.phase == "Pending"
    assert station.waiting() == station.waiting(container="second") == "ContainerCreating"
    assert station.told("Started") == ["Started container main"]
    station.run(10.0)

    assert station.condition("Ready") == "True"


def test_failed_post_start_hook_is_why_the_container_waits(station: Station) -> None:
    """Until it is tried again, or for good if it has ended for good."""
    hook = {"postStart": {"tcpSocket": {"port": 8080}}}
    station.pod(image=BUSYBOX, command=["sleep", "99"], lifecycle=hook)
    station.run(20.0)

    assert station.told("Killing") == ["FailedPostStartHook"]
    assert station.waiting() == "PostStartHookError"


def test_an_http_hook_takes_any_answer(station: Station) -> None:
    """What the server answers to a hook is not asked."""
    station.pod(lifecycle={"postStart": {"httpGet": {"path": "/fail", "port": 8080}}})

    station.run(5.0)

    assert station.condition("Ready") == "True"


def test_a_pre_stop_hook_that_takes_too_long_leaves_two_seconds(station: Station) -> None:
    """The grace period is over, and the container is still asked before it is killed."""
    hook = {"preStop": {"exec": {"command": ["sleep", "60"]}}}
    spec = {"terminationGracePeriodSeconds": 3}
    station.pod(image=BUSYBOX, command=["sleep", "99"], spec=spec, lifecycle=hook)
    station.run(2.0)
    station.client.delete(Pod, "web", namespace="default")

    station.run(4.5)
    assert station.status().state.running is not None
    station.run(2.0)

    assert not station.exists()
    assert station.told("FailedPreStopHook") == []


def test_a_container_that_cannot_be_run_has_ended_if_it_is_never_restarted(
    station: Station,
) -> None:
    """It was made, it failed, and it does not wait for anything."""
    station.pod(
        spec={"restartPolicy": "Never"},
        annotations={"simulation.kubarium.dev/start-fails": "no such file"},
    )

    station.run(5.0)

    ended = station.status().state.terminated
    assert ended is not None
    assert (ended.reason, ended.exit_code, ended.message) == ("StartError", 128, "no such file")
    assert station.told("Created") == ["Created container: main"]


def test_a_process_that_does_not_listen_refuses_probes(station: Station) -> None:
    """A command that only waits is no server."""
    probe = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
    station.pod(image=BUSYBOX, command=["sleep", "99"], readinessProbe=probe)

    station.run(5.0)

    assert station.condition("Ready") == "False"
    assert station.told("Unhealthy")[0].endswith("connect: connection refused")


def test_a_check_that_cannot_be_made_says_nothing_of_the_container(station: Station) -> None:
    """A liveness probe of a port that nobody knows kills nobody."""
    probe = {"httpGet": {"port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    station.pod(livenessProbe=probe)

    station.run(9.0)

    said = 'Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing "http"'
    assert station.told("Unhealthy")[0] == f"{said}: invalid syntax"
    assert station.status().restart_count == 0


def test_a_program_that_is_not_there_is_no_failed_check(station: Station) -> None:
    """The runtime cannot say anything of the container."""
    probe = {"exec": {"command": ["nosuch"]}, "periodSeconds": 1, "failureThreshold": 1}
    station.pod(image=BUSYBOX, command=["sleep", "99"], livenessProbe=probe)

    station.run(9.0)

    assert 'exec: "nosuch": executable file not found in $PATH' in station.told("Unhealthy")[0]
    assert station.status().restart_count == 0


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
