"""Huge pages of a machine."""

from pathlib import Path

from engine.adapters.podman.huge_pages import can_limit, huge_pages


def test_huge_pages_are_counted_by_their_size(tmp_path: Path) -> None:
    """In bytes; a size without pages has none."""
    for name, count in (("hugepages-2048kB", "3\n"), ("hugepages-1048576kB", "0\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "nr_hugepages").write_text(count)

    assert huge_pages(tmp_path) == (("1Gi", 0), ("2Mi", 3 * 2**21))
    assert huge_pages(tmp_path / "nowhere") == ()


def test_limits_need_the_kernels_controller(tmp_path: Path) -> None:
    """A runtime would refuse them elsewhere."""
    (tmp_path / "hugetlb").mkdir()  # a folder alone is none
    without = can_limit(tmp_path)

    (tmp_path / "cgroup.controllers").write_text("cpu hugetlb memory\n")
    unified = can_limit(tmp_path)

    assert (without, unified) == (False, True)
