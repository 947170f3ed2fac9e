"""A live cluster on real containers: how soon its nodes are Ready, what it costs idle on screen.

Each sample is told as soon as it is there. A cluster that ends, or has no Ready nodes within some
minutes, fails the run with what it said.

    python -m tests.benchmarks.live [--runs N]
"""

import argparse
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
READY_SECONDS = 300.0
LOOK_SECONDS = 0.05


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


def wait_for_nodes(process: "subprocess.Popen[bytes]", count: int = 4) -> None:
    """Return when *count* nodes of the cluster in *process* are there, and Ready.

    Raises:
        RuntimeError: the process has ended, or it takes too long.
    """
    began = time.perf_counter()
    while True:
        nodes = ask("/api/v1/nodes").get("items", [])
        conditions = [node["status"].get("conditions", []) for node in nodes]
        ready = [
            any(c["type"] == "Ready" and c["status"] == "True" for c in found)
            for found in conditions
        ]
        if len(ready) == count and all(ready):
            return
        if (code := process.poll()) is not None:
            raise RuntimeError(f"the cluster has ended with status {code}")
        if time.perf_counter() - began > READY_SECONDS:
            raise RuntimeError(f"{sum(ready)} of {count} nodes Ready after {READY_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)


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
            try:
                process.wait(timeout=120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def ready_seconds() -> float:
    """Wall seconds from the command to four Ready nodes on Podman."""
    began = time.perf_counter()
    with running("serve", "--runtime", "podman", stdout=subprocess.DEVNULL) as process:
        wait_for_nodes(process)
        return told("Ready", time.perf_counter() - began, "s")


def idle_share() -> float:
    """Percent of a core that app and engine take with 20 running pods and nothing to do."""
    ours, theirs = pty.openpty()
    threading.Thread(target=drain, args=(ours,), daemon=True).start()
    ends = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with running("--runtime", "podman", **ends) as process:
        wait_for_nodes(process)
        ask("/apis/apps/v1/namespaces/default/deployments/hello", {"spec": {"replicas": 20}})
        time.sleep(SETTLE_SECONDS)
        before = cpu_seconds(process.pid)
        time.sleep(IDLE_SECONDS)
        share = 100 * (cpu_seconds(process.pid) - before) / IDLE_SECONDS
        return told("idle", share, "% core")


def told(name: str, value: float, unit: str) -> float:
    """*value*, after telling it."""
    print(f"  {name}: {value:,.2f} {unit}", flush=True)
    return value


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    return sum(cpu_times(pid))


def cpu_times(pid: int) -> tuple[float, float]:
    """The seconds it has used in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks, int(fields[12]) / ticks


def drain(descriptor: int) -> None:
    """Read what the app draws, so that it never waits for us."""
    with contextlib.suppress(OSError):
        while os.read(descriptor, 65_536):
            pass


def measurements(runs: int) -> Iterator[Measurement]:
    """All rows."""
    yield compare(
        "serve on Podman until 4 nodes are Ready",
        "s",
        ready_seconds,
        runs=runs,
        target=3.0,
        higher_is_better=False,
    )
    yield compare(
        "idle app, 20 pods", "% core", idle_share, runs=1, target=3.0, higher_is_better=False
    )


def main(runs: int) -> int:
    """Print the table; 1 if a target is missed or the cluster fails."""
    try:
        return 0 if report("Live: real containers", list(measurements(runs))) else 1
    except RuntimeError as error:
        print(f"Live: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    raise SystemExit(main(parser.parse_args().runs))
