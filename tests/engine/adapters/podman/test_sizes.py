"""Size limits of empty directories, and limits of pods as a whole."""

from pathlib import Path

from engine.adapters.podman.pod_cgroup import limit_pod
from engine.adapters.podman.sizes import SizeLimits
from engine.cri.commands import PodIdentity, Resources, Volume

POD = PodIdentity(namespace="default", name="web", uid="uid-1")


def test_too_full_a_folder_is_reported_once(tmp_path: Path) -> None:
    """What is below its limit, in memory, or without a limit is not."""
    sizes = SizeLimits()
    volumes = [
        Volume(name="full", size_limit=4096),
        Volume(name="roomy", size_limit=1 << 20),
        Volume(name="memory", size_limit=1, medium="Memory"),
        Volume(name="free"),
    ]
    for volume in volumes:
        (tmp_path / volume.name).mkdir()
        (tmp_path / volume.name / "file").write_bytes(b"x" * 10_000)
    sizes.watch(POD, volumes, tmp_path)

    first, second = list(sizes.exceeded()), list(sizes.exceeded())

    assert [event.volume for event in first] == ["full"]
    assert second == []
    sizes.forget(POD.uid)
    assert not sizes


def cgroup(root: Path, *files: str) -> Path:
    """A container's cgroup below that of pod ``pod-id``, which has *files*."""
    folder = root / "pod-id"
    (folder / "container").mkdir(parents=True)
    for name in files:
        (folder / name).touch()
    return folder / "container"


LIMITS = Resources(cpu_limit=250, memory_limit=64 << 20)


def test_a_pods_limits_are_written_on_cgroups_v1(tmp_path: Path) -> None:
    """By controller, into the folder above the containers'."""
    folders = {"cpu": cgroup(tmp_path / "cpu"), "memory": cgroup(tmp_path / "memory")}

    assert limit_pod(folders, "pod-id", LIMITS)

    assert (tmp_path / "cpu/pod-id/cpu.cfs_quota_us").read_text() == "25000"
    assert (tmp_path / "memory/pod-id/memory.limit_in_bytes").read_text() == str(64 << 20)


def test_a_pods_limits_are_written_on_cgroups_v2(tmp_path: Path) -> None:
    """Into one folder, with weights instead of shares."""
    assert limit_pod({"": cgroup(tmp_path)}, "pod-id", LIMITS)

    assert (tmp_path / "pod-id/cpu.max").read_text() == "25000 100000"
    assert (tmp_path / "pod-id/cpu.weight").read_text() == "10"
    assert (tmp_path / "pod-id/memory.max").read_text() == str(64 << 20)


def test_nothing_is_written_above_another_pod(tmp_path: Path) -> None:
    """A container that is not below its pod's cgroup would limit strangers."""
    limit_pod({"": cgroup(tmp_path)}, "another", LIMITS)

    assert not (tmp_path / "pod-id/cpu.max").exists()
