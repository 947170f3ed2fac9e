"""What pods may ask for, seen through kubectl on real containers: one cluster, many pods."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.served import Served, fetch

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]
MANIFESTS = Path(__file__).with_name("pods.yaml")
STATIC = """\
apiVersion: v1
kind: Pod
metadata: {name: own}
spec: {containers: [{name: main, image: "localhost/kubarium/demo:v1"}]}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One worker with a static pod, and all the pods."""
    folder = tmp_path_factory.mktemp("pods")
    (folder / "manifests" / "node-1").mkdir(parents=True)
    (folder / "manifests" / "node-1" / "own.yaml").write_text(STATIC)
    server = Served.start(folder, "--nodes", "1", "--pod-manifest-path", str(folder / "manifests"))
    server.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
    text = MANIFESTS.read_text().replace("LOG_FOLDER", str(folder / "log"))
    server.kubectl("apply", "-f", "-", stdin=text)
    yield server
    errors = server.stop()
    assert "Traceback" not in errors


def until(served: Served, pod: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The pod as soon as that holds."""
    deadline = time.monotonic() + 60
    while not holds(found := served.get("pod", pod)):
        assert time.monotonic() < deadline, found["status"]
        time.sleep(0.2)
    return found


def ended(pod: dict[str, Any]) -> bool:
    """Whether every container has ended or cannot start."""
    states = [status["state"] for status in pod["status"].get("containerStatuses", [{"state": {}}])]
    refused = "CreateContainerConfigError"
    return all(
        "terminated" in state or state.get("waiting", {}).get("reason") == refused
        for state in states
    )


def states(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of each container."""
    return {
        status["name"]: next(iter(status["state"].values()))
        for status in pod["status"]["containerStatuses"]
    }


def test_a_client_in_the_cluster_reads_what_its_account_may(served: Served) -> None:
    """Name, certificate and token are enough to talk to the API server from inside a pod."""
    until(served, "client", ended)

    assert served.kubectl("logs", "client") == "two\n"


def test_a_pod_sees_its_configuration(served: Served) -> None:
    """Users and groups, names, files with their modes, memory, variables: all as asked."""
    until(served, "config", ended)

    lines = served.kubectl("logs", "config").splitlines()

    assert lines[0].split()[:3] == ["id", "1000", "3000"]
    assert set(lines[0].split()[3:]) == {"2000", "3000", "4000"}
    assert lines[1].endswith("\thost.sub.default.svc.cluster.local\thost")
    assert lines[2] == "192.0.2.5\tfoo\tbar"
    own = "default.svc.cluster.local svc.cluster.local cluster.local"
    assert lines[3] == f"search {own} example.org"
    assert lines[4] == "options ndots:2"
    assert lines[5:9] == ["440 0 2000", "440 0 2000", "640 1000 2000", "2777 0 2000"]
    assert sorted(lines[9:12]) == ["tmpfs /all", "tmpfs /memory", "tmpfs /secret"]
    assert lines[12:14] == ['11app="config"', "250"]
    assert lines[14:] == [
        "A_a=1",
        "A_b=two",
        "CPU=250",
        "MEM=32",
        "MY_POD=config",
        "MY_TEXT=config $(MY_POD)",
        "P_pw=s3cret",
        "P_user=admin",
        "memory is limited",
        "x",
    ]


def test_a_container_may_bring_its_own_hosts(served: Served) -> None:
    """What it mounts over /etc/hosts is what it sees; others have the kubelet's."""
    until(served, "hosts", ended)

    assert served.kubectl("logs", "hosts", "-c", "own") == "two"
    managed = served.kubectl("logs", "hosts", "-c", "managed")
    assert managed.startswith("# Kubernetes-managed hosts file.")


def test_containers_start_and_end_in_order(served: Served) -> None:
    """Init, side-cars, main with its hooks; back the same way, by the signal it asked for."""
    order = served.folder / "log" / "order"
    served.kubectl("wait", "--for=condition=Ready", "pod/ordered", "--timeout=60s")
    served.kubectl("delete", "pod", "ordered", "--wait=true", "--timeout=30s")

    lines = order.read_text().splitlines()

    assert lines[:3] == ["first", "one", "two"]
    assert set(lines[3:5]) == {"main", "post-start"}
    assert lines[5:] == ["pre-stop", "signalled", "two ends", "one ends"]


def test_it_is_told_how_containers_ended(served: Served) -> None:
    """Messages by file and by log, exit codes, and the kernel's hand."""
    found = states(until(served, "ends", ended))

    assert found["file"]["message"] == "done"
    assert (found["words"]["exitCode"], found["words"]["message"]) == (3, "last words\n")
    assert "message" not in found["quiet"]
    assert (found["memory"]["exitCode"], found["memory"]["reason"]) == (137, "OOMKilled")


def test_security_contexts_hold(served: Served) -> None:
    """Read-only root, no new privileges, seccomp, capabilities; and no root where it must not."""
    pod = until(served, "confined", ended)

    said = served.kubectl("logs", "confined", "-c", "tight").split()

    assert said == ["read-only", "CapEff:", "0000000000001000", "NoNewPrivs:", "1", "Seccomp:", "2"]
    refused = states(pod)["root"]
    assert refused["reason"] == "CreateContainerConfigError"
    assert refused["message"].startswith(
        "container has runAsNonRoot and image will run as root (pod: "
    )


def test_containers_share_processes_and_the_pods_limits(served: Served) -> None:
    """One process namespace, a host name with its domain, sysctls, and limits for all together."""
    until(served, "shared", lambda _: "ready" in served.kubectl("logs", "shared", "-c", "b"))

    lines = served.kubectl("logs", "shared", "-c", "b").splitlines()

    assert any("sleep 1000" in line for line in lines)
    assert lines[-3:] == ["shared.sub.default.svc.cluster.local", "1", "ready"]


def test_too_full_a_volume_evicts_its_pod(served: Served) -> None:
    """The size limit of an empty directory on disk."""
    pod = until(served, "full", lambda pod: pod["status"]["phase"] == "Failed")

    assert pod["status"]["reason"] == "Evicted"
    assert pod["status"]["message"].startswith('Usage of EmptyDir volume "d" exceeds the limit')


def test_what_is_missing_is_told_and_waited_for(served: Served) -> None:
    """A ConfigMap that comes later lets the container start."""
    refused = "CreateContainerConfigError"
    pod = until(served, "missing", lambda pod: refused in str(pod["status"]))
    assert states(pod)["main"]["message"] == 'configmap "later" not found'

    served.kubectl("create", "configmap", "later", "--from-literal=x=1")

    served.kubectl("wait", "--for=condition=Ready", "pod/missing", "--timeout=30s")


def test_files_follow_their_config_map(served: Served) -> None:
    """Without a restart, and all at once."""
    served.kubectl("wait", "--for=condition=Ready", "pod/live", "--timeout=60s")
    address = served.get("pod", "live")["status"]["podIP"]
    url = f"http://{address}:8080/file?path=/c/b"
    assert fetch(url).strip() == "two"

    served.kubectl("patch", "configmap", "settings", "-p", '{"data": {"b": "three"}}')

    until(served, "live", lambda _: fetch(url).strip() == "three")
    assert states(served.get("pod", "live"))["main"].get("exitCode") is None


def test_a_static_pod_outlives_its_mirror(served: Served) -> None:
    """It is seen in the API, but only its manifest can end it."""
    served.kubectl("wait", "--for=condition=Ready", "pod/own-node-1", "--timeout=60s")
    before = served.get("pod", "own-node-1")
    served.kubectl("delete", "pod", "own-node-1", "--wait=false")

    def is_back(pod: dict[str, Any]) -> bool:
        return bool(pod["metadata"]["uid"] != before["metadata"]["uid"])

    deadline = time.monotonic() + 30
    while not (found := served.kubectl("get", "pod", "own-node-1", "--ignore-not-found")):
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    until(served, "own-node-1", is_back)
    after = until(served, "own-node-1", lambda pod: "containerStatuses" in pod["status"])

    def container(pod: dict[str, Any]) -> str:
        return str(pod["status"]["containerStatuses"][0]["containerID"])

    assert container(after) == container(before)
    (served.folder / "manifests" / "node-1" / "own.yaml").unlink()
    served.kubectl("wait", "--for=delete", "pod/own-node-1", "--timeout=60s")
