"""exec, cp, port-forward, proxy, debug and resize as clients do them, on simulated containers."""

import gc
import re
import subprocess
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config
from kubernetes.stream import portforward, stream

from tests.clients.kubectl import Kubectl

pytestmark = [pytest.mark.kubectl, pytest.mark.filterwarnings("default")]

IMAGE = "localhost/kubarium/demo:v1"
POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: streams, labels: {{app: streams}}}}
spec:
  containers:
  - name: web
    image: {IMAGE}
    ports: [{{name: http, containerPort: 8080}}]
    resources: {{requests: {{cpu: 100m}}, limits: {{cpu: 200m}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: streams}}
spec: {{selector: {{app: streams}}, ports: [{{name: http, port: 80, targetPort: http}}]}}
"""


@pytest.fixture(autouse=True)
def _pod(kubectl: Kubectl) -> None:
    """A pod with a web server, made once."""
    kubectl("apply", "-f", "-", text=POD)
    kubectl("wait", "--for=condition=Ready", "pod/streams", "--timeout=30s")


@pytest.fixture(params=["newest", "oldest"])
def any_kubectl(
    request: pytest.FixtureRequest, kubectl: Kubectl, oldest_kubectl: Kubectl
) -> Kubectl:
    """The newest (WebSocket) and the oldest kubectl (SPDY)."""
    return kubectl if request.param == "newest" else oldest_kubectl


def run(kubectl: Kubectl, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run kubectl, which may fail."""
    return subprocess.run(
        [kubectl.path, "--kubeconfig", str(kubectl.kubeconfig), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_exec_has_streams_and_an_exit_code(any_kubectl: Kubectl) -> None:
    """stdin, stdout, stderr and the code of the command."""
    done = run(
        any_kubectl, "exec", "-i", "streams", "--", "sh", "-c", "cat; nosuch; exit 3", stdin="in\n"
    )

    assert done.returncode == 3
    assert done.stdout == "in\n"
    assert "nosuch: not found" in done.stderr
    assert "command terminated with exit code 3" in done.stderr


def test_exec_says_what_is_wrong(any_kubectl: Kubectl) -> None:
    """A program or a container that is not there."""
    missing = run(any_kubectl, "exec", "streams", "--", "nosuch")
    unknown = run(any_kubectl, "exec", "streams", "-c", "other", "--", "ls")

    assert missing.returncode == 127
    assert 'exec: "nosuch": executable file not found in $PATH' in missing.stderr
    assert unknown.returncode == 1
    assert "container other is not valid for pod streams" in unknown.stderr


def test_files_go_in_and_come_out(any_kubectl: Kubectl, tmp_path: Path) -> None:
    """`kubectl cp` in both directions."""
    (tmp_path / "in").write_text("text")

    into = run(any_kubectl, "cp", str(tmp_path / "in"), "streams:/tmp/copied")
    back = run(any_kubectl, "cp", "streams:/tmp/copied", str(tmp_path / "out"))

    assert (into.returncode, back.returncode) == (0, 0), into.stderr + back.stderr
    assert (tmp_path / "out").read_text() == "text"


def test_ports_are_forwarded(any_kubectl: Kubectl) -> None:
    """To a service's pod, on a port that kubectl chooses."""
    with any_kubectl.start("port-forward", "service/streams", ":80") as forwarding:
        assert forwarding.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
        try:
            assert found is not None
            answers = []
            for _ in range(2):
                with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=10) as answer:
                    answers.append(answer.read().decode())
        finally:
            forwarding.terminate()

    assert answers == ["Hello from streams (v1)\n"] * 2


def test_proxies_lead_to_pods_services_and_nodes(kubectl: Kubectl) -> None:
    """By name and port, with the path."""
    base = "/api/v1/namespaces/default"
    node = kubectl("get", "pod", "streams", "-o", "jsonpath={.spec.nodeName}")

    assert '"pod": "streams"' in kubectl("get", "--raw", f"{base}/pods/streams:http/proxy/info")
    assert "Hello from" in kubectl("get", "--raw", f"{base}/services/streams:http/proxy/")
    assert kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/healthz") == "ok"
    refused = run(kubectl, "get", "--raw", f"{base}/pods/streams:81/proxy/")
    assert "error trying to reach service" in refused.stderr


def test_a_pod_is_debugged_and_resized(kubectl: Kubectl) -> None:
    """An ephemeral container, and other limits without a restart."""
    kubectl("apply", "-f", "-", text=POD.replace("streams", "resized"))
    kubectl("wait", "--for=condition=Ready", "pod/resized", "--timeout=30s")

    kubectl("debug", "resized", f"--image={IMAGE}", "-c", "dbg", "--", "sleep", "1")
    kubectl(
        "patch", "pod", "resized", "--subresource=resize", "-p",
        '{"spec":{"containers":[{"name":"web","resources":{"limits":{"cpu":"400m"}}}]}}',
    )  # fmt: skip
    path = "{.status.containerStatuses[0].resources.limits.cpu}"
    kubectl("wait", f"--for=jsonpath={path}=400m", "pod/resized", "--timeout=20s")
    path = "{.status.ephemeralContainerStatuses[0].state.terminated.reason}"
    kubectl("wait", f"--for=jsonpath={path}=Completed", "pod/resized", "--timeout=20s")

    restarts = "jsonpath={.status.containerStatuses[0].restartCount}"
    assert kubectl("get", "pod", "resized", "-o", restarts) == "0"


@pytest.fixture
def core(served: Path) -> Iterator[client.CoreV1Api]:
    """The official Python client, of its own: streaming changes it."""
    made = config.new_client_from_config(str(served))  # type: ignore[no-untyped-call] # untyped
    yield client.CoreV1Api(made)
    made.rest_client.close()
    made.close()
    with warnings.catch_warnings():
        # It leaves the sockets of its streams to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_the_python_client_runs_commands(core: client.CoreV1Api) -> None:
    """Over channels in a WebSocket, with stdin and the exit code."""
    session = stream(
        core.connect_get_namespaced_pod_exec, "streams", "default", container="web",
        command=["sh"], stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False,
    )  # fmt: skip
    session.write_stdin("echo from $HOSTNAME; exit 5\n")
    session.run_forever(timeout=10)

    assert session.read_stdout() == "from streams\n"
    assert session.returncode == 5
    session.close()


def test_the_python_client_forwards_ports(core: client.CoreV1Api) -> None:
    """A pair of channels for each port."""
    forward = portforward(
        core.connect_get_namespaced_pod_portforward, "streams", "default", ports="8080"
    )
    socket = forward.socket(8080)
    socket.setblocking(True)
    socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = b""
    while piece := socket.recv(1024):
        answer += piece
    socket.close()

    assert b"Hello from streams" in answer
    assert forward.error(8080) is None
    forward.websocket.close()
