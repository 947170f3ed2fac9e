"""The cgroups of pods that are gone."""

from pathlib import Path

from engine.adapters.podman.pod_cgroup import PodCgroups, limit_pod
from engine.cri.commands import Resources


def make_cgroup(root: Path, hierarchy: str) -> Path:
    """The cgroup of pod ``abc``, with its containers' monitor in it."""
    folder = root / hierarchy / "libpod_parent" / "abc"
    (folder / "conmon").mkdir(parents=True)
    return folder


def test_a_cgroup_in_use_is_removed_later(tmp_path: Path) -> None:
    """A monitor that ends a moment after its pod does not leave the pod's cgroups behind."""
    idle, busy = make_cgroup(tmp_path, "memory"), make_cgroup(tmp_path, "cpu")
    monitor = busy / "conmon" / "process"  # as a process in it, a file keeps a folder from going
    monitor.touch()
    cgroups = PodCgroups(tmp_path)

    cgroups.remove("abc")
    assert not idle.exists()
    assert busy.exists()

    monitor.unlink()
    cgroups.sweep()
    assert not busy.exists()


async def test_at_the_end_all_are_waited_for(tmp_path: Path) -> None:
    """What was left before and what is named now is gone when the work is done."""
    folder = make_cgroup(tmp_path, "cpu")

    await PodCgroups(tmp_path).finish(["abc"])

    assert not folder.exists()
    assert folder.parent.exists()


def test_a_pod_is_limited_where_crun_has_put_a_cgroup_between(tmp_path: Path) -> None:
    """As it does below the scopes of systemd: the slice of the pod takes the limits."""
    pod = tmp_path / "user-libpod_pod_abc.slice"
    container = pod / "libpod-def.scope" / "container"
    container.mkdir(parents=True)

    assert limit_pod({"": container}, "abc", Resources(cpu_limit=300, memory_limit=100 << 20))

    assert (pod / "cpu.max").read_text() == "30000 100000"
    assert (pod / "memory.max").read_text() == str(100 << 20)
