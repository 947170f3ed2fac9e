"""A simulated cluster, served by a process of its own, and kubectls pointed at it."""

import gc
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.kubectl import OLDEST, Kubectl, find_kubectls


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Collect the sockets that the clients leave to the garbage collector, with their warnings."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a cluster that is ready."""
    folder = tmp_path_factory.mktemp("served")
    kubeconfig = folder / "kubeconfig"
    command = [
        Path(sys.executable).with_name("kubarium"), "serve", "--runtime", "simulated",
        "--nodes", "3", "--listen", "127.0.0.1:0", "--kubeconfig", kubeconfig,
    ]  # fmt: skip
    server = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )
    assert server.stdout is not None
    ready = server.stdout.readline()
    assert kubeconfig.exists(), ready
    yield kubeconfig
    server.send_signal(signal.SIGTERM)
    rest, _ = server.communicate(timeout=20)
    assert server.returncode == 0, rest


def _kubectl(served: Path, *, newest: bool) -> Kubectl:
    found = find_kubectls()
    if not found:
        missing = f"no kubectl of {OLDEST[0]}.{OLDEST[1]} or later on this machine"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    version = max(found) if newest else min(found)
    return Kubectl(found[version], served)


@pytest.fixture
def kubectl(served: Path) -> Kubectl:
    """The newest kubectl there is."""
    return _kubectl(served, newest=True)


@pytest.fixture
def oldest_kubectl(served: Path) -> Kubectl:
    """The oldest kubectl that is supported and there is."""
    return _kubectl(served, newest=False)
