"""What containers use, read from the files of both kinds of cgroups."""

from pathlib import Path

from engine.adapters.podman.records import Container, Sandbox
from engine.adapters.podman.stats import Meter, cpu_seconds, memory_bytes
from engine.cri.commands import PodIdentity

POD = PodIdentity(namespace="default", name="web", uid="u1")


def container(folder: Path, cgroup: dict[str, Path]) -> Container:
    """A running container with these cgroups."""
    sandbox = Sandbox(id="s", pod=POD, attempt=0, ip="10.0.0.2", folder=folder)
    return Container(
        id="c", sandbox=sandbox, name="web", attempt=0, image="x", started_at=1.0, cgroup=cgroup
    )


def version_1(folder: Path, *, nanoseconds: int = 2_500_000_000) -> Container:
    """Controllers of their own."""
    (folder / "cpuacct.usage").write_text(f"{nanoseconds}\n")
    (folder / "memory.usage_in_bytes").write_text("50000000\n")
    (folder / "memory.stat").write_text("cache 9\ninactive_file 1\ntotal_inactive_file 20000000\n")
    return container(folder, {"cpuacct": folder, "memory": folder})


def version_2(folder: Path) -> Container:
    """The unified hierarchy."""
    (folder / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1000000\n")
    (folder / "memory.current").write_text("30000000\n")
    (folder / "memory.stat").write_text("anon 5\ninactive_file 10000000\n")
    return container(folder, {"": folder})


def test_both_versions_say_the_same(tmp_path: Path) -> None:
    """CPU in seconds; memory without the file cache that can go at once."""
    one, two = tmp_path / "1", tmp_path / "2"
    one.mkdir()
    two.mkdir()

    assert (cpu_seconds(version_1(one)), memory_bytes(version_1(one))) == (2.5, 30_000_000)
    assert (cpu_seconds(version_2(two)), memory_bytes(version_2(two))) == (1.5, 20_000_000)


def test_the_first_look_is_no_rate(tmp_path: Path) -> None:
    """A container is fresh until it was looked at twice."""
    meter = Meter()
    (first,) = meter.measure([version_1(tmp_path)])
    was_fresh = set(meter.fresh)
    (second,) = meter.measure([version_1(tmp_path, nanoseconds=9_000_000_000)])

    assert first.cpu == 0
    assert was_fresh == {("u1", "web")}
    assert not meter.fresh
    assert second.cpu > 0


def test_a_container_that_goes_meanwhile_is_left_out(tmp_path: Path) -> None:
    """Its files are gone: no error."""
    gone = container(tmp_path, {"": tmp_path / "gone"})

    assert Meter().measure([gone]) == ()
