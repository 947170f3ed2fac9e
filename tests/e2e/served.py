"""A `kubarium serve` of its own for a test, driven as a user drives it: kubectl and HTTP."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from engine.adapters.network.slots import Slot, read_record, slots_folder

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
    def start(
        cls,
        folder: Path,
        *options: str,
        runtime: str = "podman",
        run_as: Callable[..., list[str]] = lambda *command: [*command],
    ) -> "Served":
        """Start a server and wait until it says it is ready; *run_as* says by whom it is run."""
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
            run_as(*command), stdout=subprocess.PIPE, stderr=errors, text=True, env=env
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


@attrs.frozen
class Traces:
    """What one cluster has on its host: all of it goes with the cluster."""

    slot: Slot
    instance: str

    @classmethod
    def of(cls, server: Served) -> "Traces":
        """Those of a running server, by the record of the slot that it holds."""
        for path in sorted(slots_folder().iterdir()):
            record = read_record(path)
            if record is not None and record.pid == server.process.pid:
                return cls(Slot(int(path.name)), record.instance)
        raise AssertionError(f"no slot is held by process {server.process.pid}")

    def found(self) -> dict[str, list[str]]:
        """What is there now, by kind; kinds without any are left out."""
        commands = {
            "links": ["ip", "-o", "link"],
            "routes": ["ip", "route"],
            "addresses": ["ip", "-o", "addr"],
            "tables": ["nft", "list", "tables"],
        }
        number = self.slot.number
        nets = rf"10\.({244 + number}|{96 + number}|{64 + number})\."
        ours = re.compile(rf"\b{self.slot.veth_prefix}|\b{self.slot.table}\b|\b{nets}")
        found = {
            name: [
                line
                for line in subprocess.run(
                    command, capture_output=True, text=True, check=True
                ).stdout.splitlines()
                if ours.search(line)
            ]
            for name, command in commands.items()
        }
        found["processes"] = list(self._processes())
        return {name: lines for name, lines in found.items() if lines}

    def _processes(self) -> Iterator[str]:
        mark = f"KUBARIUM_INSTANCE={self.instance}\0".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environment = (entry / "environ").read_bytes()
                except OSError:
                    continue
                if mark in environment + b"\0":
                    yield entry.name
