"""Size limits of empty directories, and limits of pods as a whole."""

from pathlib import Path

from engine.adapters.podman.pod_cgroup import limit_pod
from engine.adapters.podman.records import Container, Sandbox
from engine.adapters.podman.sizes import measure_storage, written_layer
from engine.cri.commands import MeasureStorage, PodIdentity, Resources

POD = PodIdentity(namespace="default", name="web", uid="uid-1")


def test_the_files_of_a_pod_are_measured(tmp_path: Path) -> None:
    """Volumes by name, containers by what they logged; what is gone has nothing."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_bytes(b"x" * 10_000)
    log = tmp_path / "logs" / "main.0.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * 5_000)
    sandbox = Sandbox(id="s", pod=POD, attempt=0, ip="", folder=tmp_path)
    container = Container(id="c1", sandbox=sandbox, name="main", attempt=0, image="", log=log)
    command = MeasureStorage(pod=POD, volumes=("full", "gone"), containers=("c1", "c2"))

    found = measure_storage(command, tmp_path, {"c1": container})

    sizes = dict(found.volumes) | dict(found.containers)
    assert list(sizes) == ["full", "gone", "c1"]
    assert sizes["full"] >= 10_000
    assert sizes["gone"] == 0
    assert sizes["c1"] >= 5_000


def test_what_a_container_wrote_is_where_its_mounts_say(tmp_path: Path) -> None:
    """The upper folder of an overlay; another driver's root tells nothing."""
    line = "1 2 0:3 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/c/diff,workdir=/c/work"
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "mountinfo").write_text(f"{line}\n2 1 0:4 / /dev rw - tmpfs tmpfs rw\n")
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "mountinfo").write_text("1 2 0:3 / / rw - btrfs /dev/sda rw,subvol=/x\n")

    assert written_layer(7, tmp_path) == Path("/c/diff")
    assert written_layer(8, tmp_path) is None
    assert written_layer(9, tmp_path) is None


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
