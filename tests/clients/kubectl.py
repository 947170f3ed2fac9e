"""Finds kubectls on this machine and runs them against a served cluster."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import attrs

OLDEST = (1, 27)
# Where distributions keep a kubectl per version.
_FOLDERS = (
    "/usr/lib/google-cloud-sdk/bin",
    "/usr/local/bin",
    "/usr/bin",
    "/opt/kubectl",
    "/snap/bin",
)


@cache
def find_kubectls() -> dict[tuple[int, int], Path]:
    """Every kubectl of a version we support, by version; the one on PATH wins its version."""
    candidates = []
    on_path = shutil.which("kubectl")
    if on_path is not None:
        candidates.append(Path(on_path))
    for folder in _FOLDERS:
        candidates += sorted(Path(folder).glob("kubectl*"))
    found: dict[tuple[int, int], Path] = {}
    for path in candidates:
        version = _version(path)
        if version is not None and version >= OLDEST:
            found.setdefault(version, path)
    return found


def _version(path: Path) -> tuple[int, int] | None:
    if not os.access(path, os.X_OK) or path.is_dir():
        return None
    try:
        told = subprocess.run(
            [path, "version", "--client", "-o", "json"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'"gitVersion": "v(\d+)\.(\d+)', told.stdout)
    return (int(match[1]), int(match[2])) if match else None


@attrs.frozen
class Kubectl:
    """One kubectl, pointed at one cluster."""

    path: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, text: str = "", fails: bool = False) -> str:
        """Run it with *text* as its input; returns what it prints.

        Raises:
            AssertionError: it fails, or with *fails* does not fail.
        """
        done = subprocess.run(
            [self.path, *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig),
                 "HOME": str(self.kubeconfig.parent)},
        )  # fmt: skip
        shown = f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        assert (done.returncode != 0) == fails, shown
        return done.stderr if fails else done.stdout

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it and let it run, its output in a pipe."""
        return subprocess.Popen(
            [self.path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig),
                 "HOME": str(self.kubeconfig.parent)},
        )  # fmt: skip
