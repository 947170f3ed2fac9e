"""What a killed run left and Podman does not know is told apart from what is still in use."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.adapters.network.slots import Slot
from engine.adapters.podman.adoption import pods_with_files
from engine.adapters.podman.cleanup import kill_ownerless, kill_pauses
from engine.adapters.podman.pod_cgroup import cgroups_of
from engine.adapters.podman.records import memory_folder
from engine.adapters.podman.service import EVENTS, ids_in_events


@contextmanager
def pause(state: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with the mark of the pause processes of *state*, until its input ends."""
    environment = {**os.environ, "KUBARIUM_STATE": str(state)}
    with subprocess.Popen(
        ["/bin/sh", "-c", "echo; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_pause_processes_that_nobody_adopted_are_ended(tmp_path: Path) -> None:
    """By their mark, whatever they are called while they are being made."""
    (tmp_path / "other").mkdir()
    with pause(tmp_path) as adopted, pause(tmp_path) as stray, pause(tmp_path / "other") as other:
        assert kill_pauses(tmp_path, kept={adopted.pid}) == 1

        stray.wait(timeout=60)
        assert adopted.poll() is None
        assert other.poll() is None


def test_pause_processes_of_instances_without_files_are_ended(tmp_path: Path) -> None:
    """Their owner was removed by hand; one whose files are there may come again."""
    with pause(tmp_path) as kept, pause(tmp_path / "gone") as stray:
        kill_ownerless()  # if no cluster that starts just now has done it

        stray.wait(timeout=60)
        assert kept.poll() is None


def test_pods_and_containers_are_found_in_the_events_of_the_service(tmp_path: Path) -> None:
    """Also when a line was cut off as the service was killed."""
    (tmp_path / EVENTS).parent.mkdir(parents=True)
    (tmp_path / EVENTS).write_text(
        '{"ID":"abc","Status":"create","Type":"pod"}\n'
        '{"ID":"def","Status":"create","Type":"container"}\n'
        '{"ID":"img","Status":"pull","Type":"image"}\n'
        '{"ID":"ghi","Type":"pod"'
    )

    assert ids_in_events(tmp_path) == {"abc", "def"}
    assert ids_in_events(tmp_path / "new") == set()


def test_cgroups_are_found_in_any_hierarchy(tmp_path: Path) -> None:
    """Those of pods and of containers, and nobody else's."""
    (tmp_path / "memory" / "libpod_parent" / "abc").mkdir(parents=True)
    (tmp_path / "cpu" / "libpod_parent" / "libpod-def").mkdir(parents=True)
    (tmp_path / "cpu" / "libpod_parent" / "libpod-conmon-def").mkdir(parents=True)
    (tmp_path / "cpu" / "libpod_parent" / "ghi").mkdir(parents=True)

    assert cgroups_of({"abc", "def"}, tmp_path) == {"abc", "libpod-def", "libpod-conmon-def"}


def test_the_files_of_a_pod_are_found_wherever_they_are(tmp_path: Path) -> None:
    """On the disk and in memory, by node and boot."""
    memory = memory_folder(tmp_path)
    try:
        (tmp_path / "nodes" / "n1" / "2" / "pods" / "a").mkdir(parents=True)
        (memory / "n1" / ".boot.0" / "a").mkdir(parents=True)
        (memory / "n2" / "b").mkdir(parents=True)

        assert pods_with_files(tmp_path) == {("n1", "a"): {0, 2}, ("n2", "b"): {0}}
    finally:
        subprocess.run(["rm", "-r", str(memory)], check=True)


def test_an_interface_is_named_after_its_address() -> None:
    """Short enough for the kernel, and of no other slot."""
    assert Slot(11).veth_name("10.255.3.17") == "kvb0311"
