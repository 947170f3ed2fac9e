"""A live cluster on real containers: how soon its nodes are Ready, what it costs idle on screen."""

import contextlib
import json
import os
import pty
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from tests.benchmarks.harness import Measurement, compare, report
from tui.kubeconfig import read_kubeconfig

PORT = 17446
URL = f"https://127.0.0.1:{PORT}"
KUBARIUM = str(Path(sys.executable).parent / "kubarium")
SETTLE_SECONDS = 25.0
IDLE_SECONDS = 30.0


def ask(path: str, patch: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET *path*, or PATCH it; {} while nobody answers."""
    request = urllib.request.Request(f"{URL}{path}")
    if patch is not None:
        request = urllib.request.Request(
            f"{URL}{path}",
            data=json.dumps(patch).encode(),
            headers={"Content-Type": "application/merge-patch+json"},
            method="PATCH",
        )
    with contextlib.suppress(OSError, ConfigError):
        context = read_kubeconfig(Path(os.environ["KUBECONFIG"])).tls()
        assert isinstance(context, ssl.SSLContext)
        with urllib.request.urlopen(request, context=context) as response:
            found: dict[str, Any] = json.load(response)
            return found
    return {}


def wait_for_nodes(count: int = 4) -> None:
    """Return when *count* nodes are there, and Ready."""
    while True:
        nodes = ask("/api/v1/nodes").get("items", [])
        conditions = [node["status"].get("conditions", []) for node in nodes]
        ready = [
            any(c["type"] == "Ready" and c["status"] == "True" for c in found)
            for found in conditions
        ]
        if len(ready) == count and all(ready):
            return
        time.sleep(0.02)


@contextlib.contextmanager
def running(*options: str, **more: Any) -> "Iterator[subprocess.Popen[bytes]]":
    """A `kubarium` process with a state folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        listen = ("--listen", f"127.0.0.1:{PORT}", "--kubeconfig", f"{folder}/kubeconfig")
        os.environ["KUBECONFIG"] = f"{folder}/kubeconfig"
        env = {**os.environ, "XDG_STATE_HOME": folder, "COLUMNS": "160", "LINES": "50"}
        process = subprocess.Popen([KUBARIUM, *options, *listen], env=env, **more)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def ready_seconds() -> float:
    """Wall seconds from the command to four Ready nodes on Podman."""
    began = time.perf_counter()
    with running("serve", "--runtime", "podman", stdout=subprocess.DEVNULL):
        wait_for_nodes()
        return time.perf_counter() - began


def idle_share() -> float:
    """Percent of a core that app and engine take with 20 running pods and nothing to do."""
    ours, theirs = pty.openpty()
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with running("--runtime", "podman", **ends) as process:
        wait_for_nodes()
        ask("/apis/apps/v1/namespaces/default/deployments/hello", {"spec": {"replicas": 20}})
        time.sleep(SETTLE_SECONDS)
        before = cpu_seconds(process.pid)
        time.sleep(IDLE_SECONDS)
        return 100 * (cpu_seconds(process.pid) - before) / IDLE_SECONDS


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drain(descriptor: int) -> None:
    """Read what the app draws, so that it never waits for us."""
    with contextlib.suppress(OSError):
        while os.read(descriptor, 65_536):
            pass


def measurements() -> Iterator[Measurement]:
    """All rows."""
    yield compare(
        "serve on Podman until 4 nodes are Ready",
        "s",
        ready_seconds,
        target=3.0,
        higher_is_better=False,
    )
    yield compare(
        "idle app, 20 pods", "% core", idle_share, runs=1, target=3.0, higher_is_better=False
    )


if __name__ == "__main__":
    raise SystemExit(0 if report("Live: real containers", list(measurements())) else 1)
