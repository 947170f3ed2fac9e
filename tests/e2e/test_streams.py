"""exec, attach, cp, port-forward and resize on real containers, with kubectl new and old."""

import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.served import Served, find_kubectls

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]

IMAGE = "localhost/kubarium/demo:v1"
POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: {IMAGE}
    resources:
      requests: {{memory: 64Mi}}
      limits: {{memory: 128Mi}}
  - name: echo
    image: {IMAGE}
    command: [cat]
    stdin: true
    securityContext: {{runAsUser: 1000, capabilities: {{drop: [ALL]}}}}
"""
NEWEST, OLDEST = -1, 0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One worker with one pod."""
    server = Served.start(tmp_path_factory.mktemp("served"), "--nodes", "1")
    server.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
    server.kubectl("apply", "-f", "-", stdin=POD)
    server.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    yield server
    errors = server.stop()
    assert "Traceback" not in errors


def run(
    served: Served, which: int, *arguments: str, stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    """Run the newest or the oldest kubectl, which may fail."""
    return subprocess.run(
        [find_kubectls()[which][1], "--kubeconfig", str(served.folder / "kubeconfig"), *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("which", [NEWEST, OLDEST], ids=["websocket", "spdy"])
def test_exec_joins_a_process_in_the_container(served: Served, which: int) -> None:
    """Its streams, its exit code, a program that is not there."""
    script = "cat; hostname; echo bad >&2; exit 3"
    done = run(
        served, which, "exec", "-i", "web", "-c", "web", "--", "sh", "-c", script, stdin=b"x\n"
    )
    missing = run(served, which, "exec", "web", "-c", "web", "--", "nosuch")

    assert (done.returncode, done.stdout) == (3, b"x\nweb\n")
    assert done.stderr.startswith(b"bad\n")
    assert missing.returncode == 127
    assert b"executable file not found in $PATH" in missing.stderr


def test_a_command_has_no_more_rights_than_its_container(served: Served) -> None:
    """User, capabilities and namespaces are the container's."""
    script = "id -u; grep CapEff /proc/self/status; readlink /proc/self/ns/net"
    words = run(
        served, NEWEST, "exec", "web", "-c", "echo", "--", "sh", "-c", script
    ).stdout.split()

    assert words[:3] == [b"1000", b"CapEff:", b"0000000000000000"]
    assert words[3].decode() != str(Path("/proc/self/ns/net").readlink())


@pytest.mark.parametrize("which", [NEWEST, OLDEST], ids=["websocket", "spdy"])
def test_large_files_are_copied_whole(served: Served, which: int, tmp_path: Path) -> None:
    """Ten megabytes there and back."""
    data = os.urandom(10_000_000)
    (tmp_path / "in").write_bytes(data)

    into = run(served, which, "cp", "-c", "web", str(tmp_path / "in"), "web:/tmp/file")
    back = run(served, which, "cp", "-c", "web", "web:/tmp/file", str(tmp_path / "out"))

    assert (into.returncode, back.returncode) == (0, 0), into.stderr + back.stderr
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("which", [NEWEST, OLDEST], ids=["tunnel", "spdy"])
def test_ports_are_forwarded_into_the_pod(served: Served, which: int) -> None:
    """One that listens answers; one that does not is explained."""
    command = [find_kubectls()[which][1], "--kubeconfig", str(served.folder / "kubeconfig")]
    with subprocess.Popen(
        [*command, "port-forward", "pod/web", ":8080", ":81"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as forwarding:
        assert forwarding.stdout is not None
        assert forwarding.stderr is not None
        try:
            ports: dict[str, str] = {}
            while len(ports) < 2:
                line = forwarding.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+) -> (\d+)", line)
                ports |= {found[2]: found[1]} if found else {}
            url = f"http://127.0.0.1:{ports['8080']}/"
            with urllib.request.urlopen(url, timeout=10) as answer:
                hello = answer.read().decode()
            with pytest.raises(OSError, match=r"."):
                urllib.request.urlopen(f"http://127.0.0.1:{ports['81']}/", timeout=10)
            complaint = forwarding.stderr.readline()
        finally:
            forwarding.terminate()

    assert hello == "Hello from web (v1)\n"
    assert "error forwarding port 81 to pod web" in complaint
    assert "connection refused" in complaint


def test_a_pod_is_run_attached_and_removed(served: Served) -> None:
    """`kubectl run -i --rm`: what is typed, what is said, how it ends."""
    done = run(
        served, NEWEST, "run", "shell", f"--image={IMAGE}", "-i", "--rm", "--restart=Never",
        "--command", "--", "sh", stdin=b"sleep 1\necho typed\nexit 5\n",
    )  # fmt: skip

    assert done.returncode == 5
    assert b"typed\n" in done.stdout


def test_limits_change_while_the_container_runs(served: Served) -> None:
    """The cgroup has the new limit; the container was not restarted."""
    patch = '{"spec":{"containers":[{"name":"web","resources":{"limits":{"memory":"256Mi"}}}]}}'
    served.kubectl("patch", "pod", "web", "--subresource=resize", "-p", patch)
    path = "{.status.containerStatuses[?(@.name=='web')].resources.limits.memory}"
    served.kubectl("wait", f"--for=jsonpath={path}=256Mi", "pod/web", "--timeout=20s")
    files = "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max"
    script = f"cat {files} 2>/dev/null; true"

    done = run(served, NEWEST, "exec", "web", "-c", "web", "--", "sh", "-c", script)

    assert done.stdout.split()[:1] == [str(256 << 20).encode()]
    assert all(
        one["restartCount"] == 0 for one in served.get("pod", "web")["status"]["containerStatuses"]
    )


def test_a_debugger_sees_the_processes_of_its_target(served: Served) -> None:
    """`kubectl debug --target` shares the process namespace."""
    served.kubectl(
        "debug", "web", f"--image={IMAGE}", "-c", "dbg", "--target=web", "--profile=general",
        "--", "sh", "-c", "ps; sleep 1",
    )  # fmt: skip
    path = "{.status.ephemeralContainerStatuses[0].state.terminated.exitCode}"
    served.kubectl("wait", f"--for=jsonpath={path}=0", "pod/web", "--timeout=30s")

    assert "/app/server.py" in served.kubectl("logs", "web", "-c", "dbg")
