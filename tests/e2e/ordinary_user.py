"""A user of the machine who is not root, made for a test, and what they run."""

import contextlib
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
IDS = 65_536
FIRST_ID = 1_000_000_000 + os.getpid() % 16_000 * IDS  # far from what distributions give out
PATH = "/usr/local/bin:/usr/bin:/bin"
END_SECONDS = 30.0


@attrs.frozen(kw_only=True)
class OrdinaryUser:
    """Someone with a folder and a runtime directory of their own, and no privilege."""

    name: str
    number: int
    folder: Path

    def command(self, *command: str) -> list[str]:
        """What root runs so that *command* is run by the user; it keeps the process number.

        In a mount namespace in which the user can read Python and our files, wherever they are.
        """
        user = ["setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--init-groups"]
        variables = {
            "HOME": str(self.folder),
            "USER": self.name,
            "PATH": PATH,
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        clean = ["env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        needed = (Path(sys.base_prefix), Path(sys.prefix), ROOT)
        script = "\n".join(
            [
                "set -e",
                *opening(needed, self.folder / "stage"),
                f"cd {shlex.quote(str(self.folder))}",
                f"exec {shlex.join([*user, *clean, *command])}",
            ]
        )
        return ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script]

    def processes(self) -> dict[int, str]:
        """The user's living processes, those in containers too: the user namespace of each."""
        found = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if not entry.name.isdigit() or is_zombie(entry):
                    continue
                owner = entry.stat().st_uid
                if owner == self.number or FIRST_ID <= owner < FIRST_ID + IDS:
                    found[int(entry.name)] = str((entry / "ns" / "user").readlink())
        return found

    def end_all(self) -> None:
        """Kill whatever the user still runs."""
        deadline = time.monotonic() + END_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


@contextlib.contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """A new user, who is gone afterwards with all that is theirs.

    Raises:
        AssertionError: the machine lets us make none; with its words.
    """
    name = f"kubarium-{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix="ku", dir="/tmp"))
    options = ["--no-create-home", "--home-dir", str(folder), "--shell", "/bin/sh"]
    _administer("useradd", *options, name)
    number = pwd.getpwnam(name).pw_uid
    user = OrdinaryUser(name=name, number=number, folder=folder)
    try:
        ids = f"{FIRST_ID}-{FIRST_ID + IDS - 1}"
        _administer("usermod", "--add-subuids", ids, "--add-subgids", ids, name)
        (folder / "run").mkdir(mode=0o700)
        for path in (folder, folder / "run"):
            os.chown(path, number, number)
        folder.chmod(0o755)
        yield user
    finally:
        user.end_all()
        _administer("userdel", "--force", name)  # what has ended may not be collected yet
        shutil.rmtree(folder, ignore_errors=True)


def opening(needed: Sequence[Path], stage: Path) -> list[str]:
    """The lines of shell that make *needed* readable below folders that are closed to others.

    Each closed folder is covered by an empty one, into which only what is needed is put back.
    """
    lines = []
    closed: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(path.resolve() for path in needed):
        above = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
        if above:
            closed.setdefault(above[0], []).append(path)
    for cover, paths in closed.items():
        places = [stage / str(index) for index in range(len(paths))]
        for path, place in zip(paths, places, strict=True):
            lines += [_line("mkdir", "-p", place), _line("mount", "--bind", path, place)]
        lines.append(_line("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", cover))
        for path, place in zip(paths, places, strict=True):
            lines += [_line("mkdir", "-p", path), _line("mount", "--bind", place, path)]
            lines.append(_line("umount", place))
    return lines


def is_zombie(entry: Path) -> bool:
    """Whether the process with the folder *entry* has ended, and only waits to be collected."""
    return (entry / "stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}


def _line(*words: str | Path) -> str:
    return shlex.join(map(str, words))


def _administer(*command: str) -> None:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{PATH}:/usr/sbin:/sbin"},
    )
    assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"
