"""What a user types wrong is answered in words."""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.served import KUBARIUM, Served


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `kubarium` to its end."""
    return subprocess.run(
        [str(KUBARIUM), *arguments], capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serve", "--nodes", "0"), "a number of nodes from 1"),
        (("serve", "--nodes", "many"), "a number of nodes from 1"),
        (("serve", "--listen", "6443"), "HOST:PORT was expected"),
        (("serve", "--speed", "0"), "a speed above 0"),
        (("serve", "--runtime", "docker"), "invalid choice"),
        (("serve", "--nodse", "3"), "unrecognized arguments"),
        (("explode",), "invalid choice"),
        (("play", "nowhere.toml", "--headless"), "cannot be read"),
    ],
)
def test_a_wrong_command_line_says_what_was_expected(
    arguments: tuple[str, ...], words: str
) -> None:
    """With exit code 2 and no traceback."""
    done = run(*arguments)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named() -> None:
    """And nothing is left running."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        done = run("serve", "--runtime", "simulated", "--listen", f"127.0.0.1:{port}")

    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["first-rollout", "autoscaling"])
def test_scenarios_pass_in_simulation(tmp_path: Path, name: str) -> None:
    """As fast as the processor allows, with a report."""
    report = tmp_path / "report.json"
    text = Path(f"scenarios/{name}.toml").read_text()
    file = tmp_path / "virtual.toml"
    file.write_text(text.replace('mode = "wall"', 'mode = "virtual"'))

    done = run("play", str(file), "--headless", "--report", str(report), "--junit", f"{report}.xml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"passed": true' in report.read_text()
    assert "<testsuite" in Path(f"{report}.xml").read_text()


def test_a_scenario_whose_check_fails_says_which(tmp_path: Path) -> None:
    """Exit code 1."""
    file = tmp_path / "wrong.toml"
    file.write_text(
        'format = "kubarium.scenario/1"\nid = "x"\ntitle = "X"\n[clock]\nmode = "virtual"\n'
        '[[step]]\nid = "never"\ndo = "wait"\ntimeout = "5s"\n'
        'until = {object = "deployment/none", exists = true}\n'
    )

    done = run("play", str(file), "--headless")

    assert done.returncode == 1
    assert "never" in done.stdout
    assert "deployment/none does not exist" in done.stdout


@pytest.mark.kubectl
def test_a_stopped_server_resumes_its_data(tmp_path: Path) -> None:
    """Objects are as they were, with their identity."""
    data = str(tmp_path / "data")
    first = Served.start(tmp_path, "--data", data, "--demo", runtime="simulated")
    before = first.get("deployment", "hello")["metadata"]["uid"]
    first.stop()

    second = Served.start(tmp_path, "--data", data, runtime="simulated")
    after = second.get("deployment", "hello")["metadata"]["uid"]
    second.stop()

    assert after == before


@pytest.mark.kubectl
def test_panic_works_while_the_api_server_is_down(tmp_path: Path) -> None:
    """By the process itself; and it names a kubeconfig that leads nowhere."""
    served = Served.start(tmp_path, runtime="simulated")
    fault = {
        "apiVersion": "kubarium.dev/v1",
        "kind": "Fault",
        "metadata": {"name": "down"},
        "spec": {"type": "apiserver.down", "durationSeconds": 600},
    }
    served.kubectl("create", "-f", "-", stdin=json.dumps(fault))
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    panic = [str(KUBARIUM), "panic", "--kubeconfig", str(tmp_path / "kubeconfig")]

    done = subprocess.run(panic, capture_output=True, text=True, timeout=100, check=False, env=env)
    phase = served.get("fault", "down")["status"]["phase"]
    served.stop()
    late = subprocess.run(panic, capture_output=True, text=True, timeout=100, check=False, env=env)

    assert (done.returncode, done.stderr) == (0, "")
    assert "1 fault undone" in done.stdout
    assert phase == "Recovered"
    assert late.returncode == 1
    assert "Run `kubarium panic` on the machine it runs on" in late.stderr
