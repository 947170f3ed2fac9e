"""What an instance leaves behind is found by its files, and what is not ours stays."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.podman.cleanup import kill_pauses


@contextmanager
def runtime(folder: Path, state: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process called crun that works on files of *state*, until its input ends."""
    program = folder / "crun"
    if not program.exists():
        program.symlink_to("/bin/sh")
    command = [str(program), "-c", "read line", f"{state}/userdata"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_runtime_that_waits_for_its_killed_monitor_is_ended(tmp_path: Path) -> None:
    """Only the one of the instance: whose name begins alike is somebody else."""
    with (
        runtime(tmp_path, tmp_path / "ours") as ours,
        runtime(tmp_path, tmp_path / "ours-not") as other,
    ):
        assert kill_pauses(tmp_path / "ours") == 1

        assert ours.wait() == -9
        assert other.poll() is None
