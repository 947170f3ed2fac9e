"""The whole of it on real containers: kubectl in, curl out, nothing left behind."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.served import Served, Traces, fetch

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Three workers with the demo application."""
    server = Served.start(tmp_path_factory.mktemp("served"), "--nodes", "3", "--demo")
    server.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
    server.kubectl("rollout", "status", "deployment/hello", "--timeout=90s")
    yield server
    errors = server.stop()
    assert "Traceback" not in errors


def node_port(served: Served) -> str:
    """The URL of the demo's service from this host.

    By a node's own address: another cluster on this host may have the same port on 127.0.0.1.
    """
    port = served.get("service", "hello")["spec"]["ports"][0]["nodePort"]
    addresses = served.get("node", "control-plane")["status"]["addresses"]
    return f"http://{addresses[0]['address']}:{port}/"


def test_the_service_is_answered_by_different_pods(served: Served) -> None:
    """Load balancing through the node port."""
    url = node_port(served)
    pods = {pod["metadata"]["name"] for pod in served.get("pods")["items"]}

    answers = {fetch(url).split()[2] for _ in range(60)}

    assert answers == pods
    assert len(pods) == 3


def test_pods_find_services_by_name(served: Served) -> None:
    """Cluster DNS with search paths, from inside a pod."""
    pod = served.get("pods")["items"][0]

    answer = fetch(f"http://{pod['status']['podIP']}:8080/ask?host=hello&port=80")

    assert answer.startswith("Hello from")


def test_a_config_map_is_a_variable_and_a_file(served: Served) -> None:
    """EnvFrom and a volume."""
    pod = served.get("pods")["items"][0]
    base = f"http://{pod['status']['podIP']}:8080"

    assert "Hello from Kubarium" in fetch(f"{base}/env")
    assert fetch(f"{base}/file?path=/etc/config/greeting").strip() == "Hello from Kubarium"


def test_an_update_loses_no_request(served: Served) -> None:
    """With readiness probes and maxUnavailable 0, from the first to the last pod."""
    url, stop = node_port(served), threading.Event()
    answers, failures = list[str](), list[str]()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(fetch(url))
            except OSError as error:
                failures.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    served.kubectl("set", "image", "deployment/hello", "web=localhost/kubarium/demo:v2")
    served.kubectl("rollout", "status", "deployment/hello", "--timeout=120s")
    stop.set()
    asking.join()

    assert failures == []
    assert any("v1" in answer for answer in answers)
    # A pod on its way out may answer until the rules have followed, as in any cluster.
    assert any("v2" in fetch(url) for _ in range(200))
    assert len(answers) > 50


def test_an_update_can_be_undone(served: Served) -> None:
    """By kubectl, to the template before."""
    served.kubectl("rollout", "undo", "deployment/hello")
    served.kubectl("rollout", "status", "deployment/hello", "--timeout=120s")

    images = {pod["spec"]["containers"][0]["image"] for pod in served.get("pods")["items"]}

    assert "localhost/kubarium/demo:v1" in images


def test_logs_come_from_the_container(served: Served) -> None:
    """What the web server wrote."""
    fetch(node_port(served))

    assert served.kubectl("logs", "deployment/hello").strip()


def ask_often(url: str) -> list[str]:
    """Thirty answers; none if one did not come, as while rules still lead to the lost node."""
    try:
        return [fetch(url) for _ in range(30)]
    except OSError:
        return []


def test_the_service_goes_on_after_a_node_was_lost(served: Served) -> None:
    """Replicas elsewhere answer once the failure has been noticed."""
    fault = """
apiVersion: kubarium.dev/v1
kind: Fault
metadata: {name: crash}
spec: {type: node.crash, target: {nodes: [node-1]}}
"""
    served.kubectl("apply", "-f", "-", stdin=fault)
    served.kubectl("wait", "--for=condition=Ready=Unknown", "node/node-1", "--timeout=90s")
    served.kubectl("rollout", "status", "deployment/hello", "--timeout=90s")

    url = node_port(served)
    answers = next(found for _ in range(20) if (found := ask_often(url)))

    assert all("node-1" not in answer for answer in answers)

    served.kubectl("delete", "fault", "crash")
    served.kubectl("wait", "--for=condition=Ready", "node/node-1", "--timeout=60s")


def test_stopping_leaves_nothing_behind(tmp_path: Path) -> None:
    """No process, link, route, address or table of the cluster stays."""
    server = Served.start(tmp_path, "--nodes", "1", "--demo")
    server.kubectl("rollout", "status", "deployment/hello", "--timeout=90s")
    traces = Traces.of(server)
    assert set(traces.found()) == {"links", "routes", "addresses", "tables", "processes"}

    server.stop()

    assert traces.found() == {}


def test_what_a_killed_server_left_is_removed_by_the_next_start(tmp_path: Path) -> None:
    """The slot file tells whose it was."""
    first = Served.start(tmp_path / "first", "--nodes", "1", "--demo")
    first.kubectl("rollout", "status", "deployment/hello", "--timeout=90s")
    traces = Traces.of(first)
    first.kill()
    assert "links" in traces.found()

    second = Served.start(tmp_path / "second", "--nodes", "1")
    others = Traces.of(second)
    second.stop()

    assert traces.found() == {}
    assert others.found() == {}


def test_a_killed_server_with_data_goes_on_where_it_was(tmp_path: Path) -> None:
    """Objects from disk, and the same containers: adopted, not restarted."""
    data = str(tmp_path / "data")
    first = Served.start(tmp_path / "first", "--nodes", "2", "--demo", "--data", data)
    first.kubectl("rollout", "status", "deployment/hello", "--timeout=90s")
    before = {
        pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["containerID"]
        for pod in first.get("pods")["items"]
    }
    first.kill()

    second = Served.start(tmp_path / "second", "--nodes", "2", "--data", data)
    second.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
    after = {
        pod["metadata"]["uid"]: pod["status"]["containerStatuses"][0]["containerID"]
        for pod in second.get("pods")["items"]
    }
    second.kubectl("delete", "deployment", "hello", "--wait", "--cascade=foreground")
    second.stop()

    assert after == before
