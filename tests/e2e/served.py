"""A `kubarium serve` of its own for a test, driven as a user drives it: kubectl and HTTP."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import attrs

KUBARIUM = Path(sys.executable).parent / "kubarium"
CLOUD_SDK = Path("/usr/lib/google-cloud-sdk/bin")
OLDEST = (1, 27)


def find_kubectls() -> list[tuple[tuple[int, int], str]]:
    """Every kubectl of 1.27 or later on this machine, oldest first."""
    candidates = [*CLOUD_SDK.glob("kubectl.1*")]
    on_path = shutil.which("kubectl")
    if on_path:
        candidates.append(Path(on_path))
    found: dict[tuple[int, int], str] = {}
    for path in candidates:
        done = subprocess.run(
            [str(path), "version", "--client", "-o", "json"],
            capture_output=True,
            text=True,
            check=False,
        )
        match = re.search(r'"gitVersion": "v(\d+)\.(\d+)', done.stdout)
        if match and (version := (int(match[1]), int(match[2]))) >= OLDEST:
            found.setdefault(version, str(path))
    return sorted(found.items())


def kubectl_path() -> str:
    """The newest kubectl.

    Raises:
        AssertionError: there is none of 1.27 or later.
    """
    found = find_kubectls()
    assert found, "no kubectl of 1.27 or later was found: install one to run these tests"
    return found[-1][1]


@attrs.define
class Served:
    """A running server and how to reach it."""

    folder: Path
    process: "subprocess.Popen[str]"
    line: str

    @classmethod
    def start(cls, folder: Path, *options: str, runtime: str = "podman") -> "Served":
        """Start a server and wait until it says it is ready."""
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            str(KUBARIUM),
            "serve",
            "--runtime",
            runtime,
            "--listen",
            "127.0.0.1:0",
            "--kubeconfig",
            str(folder / "kubeconfig"),
            *options,
        ]
        errors = (folder / "stderr").open("a")
        env = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env
        )
        errors.close()
        assert process.stdout is not None
        for line in process.stdout:
            if "API at" in line:
                return cls(folder, process, line)
        process.wait(timeout=30)
        raise AssertionError(f"the server did not start: {(folder / 'stderr').read_text()}")

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 100) -> str:
        """Run kubectl; its output.

        Raises:
            AssertionError: it failed.
        """
        done = subprocess.run(
            [kubectl_path(), "--kubeconfig", str(self.folder / "kubeconfig"), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get -o json` shows."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def stop(self) -> str:
        """End it with SIGTERM; what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self._close()
        errors = (self.folder / "stderr").read_text()
        assert code == 0, errors
        return errors

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait(timeout=10)
        self._close()

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


def fetch(url: str, timeout: float = 5.0) -> str:
    """GET *url*; the body.

    Raises:
        OSError: there is no good answer.
    """
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return str(response.read().decode())


def leftovers() -> dict[str, list[str]]:
    """What clusters leave on a host if they leave something: by kind, what is there."""
    commands = {
        "links": ["ip", "-o", "link"],
        "routes": ["ip", "route"],
        "addresses": ["ip", "-o", "addr"],
        "tables": ["nft", "list", "tables"],
    }
    found = {
        name: [
            line
            for line in subprocess.run(
                command, capture_output=True, text=True, check=True
            ).stdout.splitlines()
            if re.search(r"\bkv[0-9a-f]|kubarium|blackhole 10\.", line)
        ]
        for name, command in commands.items()
    }
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"KUBARIUM_INSTANCE=" in environment:
                processes.append(entry.name)
    found["processes"] = processes
    return found
