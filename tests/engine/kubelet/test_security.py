"""Security contexts: what the runtime is told, and what is refused."""

from typing import Any

import attrs
import pytest

from engine.api.codec import decode
from engine.api.pod import Pod
from engine.cri.status import RuntimeInfo
from engine.kubelet.config_source import MissingConfigError
from engine.kubelet.security import forbidden_sysctl, identity_of_process, security_of
from engine.simulation.runtime import SimulatedRuntime
from tests.engine.kubelet.station import Station

WHERE = r'\(pod: "web_default\(u1\)", container: main\)'


def pod(shared: dict[str, Any] | None = None, **own: Any) -> Pod:
    """A pod whose one container has the security context *own*, under *shared*."""
    made = decode(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default", "uid": "u1"},
            "spec": {
                "securityContext": shared or {},
                "containers": [{"name": "main", "image": "demo", "securityContext": own}],
            },
        }
    )
    assert isinstance(made, Pod)
    return made


@pytest.mark.parametrize(
    ("own", "image_user", "words"),
    [
        pytest.param({"runAsUser": 0}, "", "runAsUser breaks non-root policy", id="user 0"),
        pytest.param({}, "", "image will run as root", id="image without user"),
        pytest.param({}, "0", "image will run as root", id="image with user 0"),
        pytest.param({}, "nginx", r"image has non-numeric user \(nginx\)", id="image with a name"),
    ],
)
def test_root_is_refused_where_it_must_not_be(
    own: dict[str, Any], image_user: str, words: str
) -> None:
    """With runAsNonRoot the kubelet says in its own words why a container does not start."""
    found = pod({"runAsNonRoot": True}, **own)

    with pytest.raises(MissingConfigError, match=f"{words}.*{WHERE}"):
        security_of(found, found.spec.containers[0], image_user)


@pytest.mark.parametrize(("own", "image_user"), [({"runAsUser": 7}, ""), ({}, "1000")])
def test_other_users_may_run(own: dict[str, Any], image_user: str) -> None:
    """A number other than 0, of the specification or the image, is enough."""
    found = pod({"runAsNonRoot": True}, **own)

    security = security_of(found, found.spec.containers[0], image_user)

    assert security.run_as_user == own.get("runAsUser")


def test_the_containers_own_word_counts_before_the_pods() -> None:
    """Seccomp and user of the container win; what it leaves open is the pod's."""
    shared = {"runAsUser": 1, "runAsGroup": 2, "seccompProfile": {"type": "RuntimeDefault"}}
    found = pod(shared, runAsUser=5, seccompProfile={"type": "Localhost", "localhostProfile": "a"})

    security = security_of(found, found.spec.containers[0])

    assert (security.run_as_user, security.run_as_group) == (5, 2)
    assert security.seccomp_file == "/var/lib/kubelet/seccomp/a"


def test_the_status_says_as_whom_a_container_runs() -> None:
    """User, group and all groups; nobody knows if the image names a user."""
    found = pod({"runAsUser": 1, "fsGroup": 9, "supplementalGroups": [3]})
    main = found.spec.containers[0]

    identity = identity_of_process(found, main)

    assert identity is not None
    assert (identity.uid, identity.gid, sorted(identity.groups)) == (1, 0, [3, 9])
    assert identity_of_process(pod(), main, "nginx") is None


def test_unsafe_sysctls_are_named() -> None:
    """Only what is confined to the pod's namespaces may be set."""
    safe = {"name": "kernel.shm_rmid_forced", "value": "1"}
    unsafe = {"name": "kernel.msgmax", "value": "1"}

    assert forbidden_sysctl(pod({"sysctls": [safe]})) == ""
    assert forbidden_sysctl(pod({"sysctls": [safe, unsafe]})) == "kernel.msgmax"


def test_a_pod_with_an_unsafe_sysctl_is_rejected(station: Station) -> None:
    """It fails before anything of it runs, and says why."""
    sysctls = [{"name": "kernel.msgmax", "value": "1"}]
    station.pod(spec={"securityContext": {"sysctls": sysctls}})
    station.run(3.0)

    status = station.get().status

    assert (status.phase, status.reason) == ("Failed", "SysctlForbidden")
    assert status.container_statuses == ()
    assert station.runtime.list_sandboxes() == ()


class BareHost(SimulatedRuntime):
    """A node without AppArmor and user namespaces."""

    def info(self) -> RuntimeInfo:
        """What it says of itself."""
        return attrs.evolve(super().info(), has_apparmor=False, has_user_namespaces=False)


@pytest.fixture
def bare() -> Station:
    """A station on such a node."""
    found = Station(runtime_class=BareHost)
    found.run(1.0)
    return found


@pytest.mark.parametrize(
    ("spec", "own", "reason"),
    [
        pytest.param({}, {"appArmorProfile": {"type": "RuntimeDefault"}}, "AppArmor", id="profile"),
        pytest.param({"os": {"name": "windows"}}, {}, "PodOSNotSupported", id="system"),
    ],
)
def test_what_the_host_does_not_have_is_refused(
    bare: Station, spec: dict[str, Any], own: dict[str, Any], reason: str
) -> None:
    """The pod fails at once, and says why."""
    bare.pod(spec=spec, securityContext=own)
    bare.run(5.0)

    status = bare.get().status
    assert (status.phase, status.reason) == ("Failed", reason)
    assert status.message.startswith("Pod was rejected: ")


def test_users_of_its_own_are_never_ignored(bare: Station) -> None:
    """A pod with hostUsers: false does not run as the host's users where there are no others."""
    bare.pod(spec={"hostUsers": False})
    bare.run(5.0)

    assert bare.get().status.phase == "Pending"
    assert bare.told("FailedCreatePodSandBox") == [
        'Failed to create pod sandbox: RuntimeClass handler "" does not support user namespaces'
    ]


def test_labels_and_profiles_reach_the_runtime() -> None:
    """A container's own come before the pod's."""
    found = pod(
        {"seLinuxOptions": {"level": "s0:c1"}, "supplementalGroupsPolicy": "Strict"},
        appArmorProfile={"type": "Localhost", "localhostProfile": "tight"},
    )

    security = security_of(found, found.spec.containers[0])

    assert security.apparmor == "tight"
    assert security.selinux == ("level:s0:c1",)
    assert security.is_strict_about_groups
