"""Logs that have grown large are put aside."""

import os
from pathlib import Path

from engine.adapters.podman.log_rotation import remove_log, rotate, rotated
from engine.adapters.podman.records import Container, Sandbox
from engine.cri.commands import PodIdentity

POD = PodIdentity(namespace="default", name="web", uid="uid-1")


def running(folder: Path) -> Container:
    """A running container with a log and the control pipe of its conmon."""
    sandbox = Sandbox(id="s", pod=POD, attempt=0, ip="", folder=folder)
    os.mkfifo(folder / "ctl")
    container = Container(id="c", sandbox=sandbox, name="web", attempt=0, image="demo")
    container.started_at = 1.0
    container.log, container.control = folder / "web.0.log", folder / "ctl"
    return container


def test_a_large_log_is_put_aside_and_conmon_is_told(tmp_path: Path) -> None:
    """The file keeps its lines under another name; the message is conmon's for a new file."""
    container = running(tmp_path)
    assert container.log is not None
    container.log.write_text("x" * 20)
    reader = os.open(tmp_path / "ctl", os.O_RDONLY | os.O_NONBLOCK)

    try:
        done = rotate(container, stamp="1", max_bytes=10)
        said = os.read(reader, 100)
    finally:
        os.close(reader)

    assert done
    assert said == b"2 0 0\n"
    assert (tmp_path / "web.0.log.1").read_text() == "x" * 20


def test_a_small_log_and_one_without_conmon_stay(tmp_path: Path) -> None:
    """Nothing is moved that nobody would begin anew."""
    container = running(tmp_path)
    assert container.log is not None
    container.log.write_text("x" * 20)

    assert not rotate(container, stamp="1", max_bytes=100)
    assert not rotate(container, stamp="1", max_bytes=10)  # nobody reads the pipe
    assert container.log.exists()


def test_five_files_are_kept_and_all_go_with_the_container(tmp_path: Path) -> None:
    """The present one and four that were put aside."""
    container = running(tmp_path)
    log = container.log
    assert log is not None
    reader = os.open(tmp_path / "ctl", os.O_RDONLY | os.O_NONBLOCK)
    try:
        for number in range(8):
            log.write_text("x" * 20)
            rotate(container, stamp=str(number), max_bytes=10)
    finally:
        os.close(reader)

    assert [path.name[-1] for path in rotated(log)] == ["4", "5", "6", "7"]
    remove_log(log)
    assert rotated(log) == []
