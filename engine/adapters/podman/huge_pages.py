"""Huge pages of this machine: how many there are, and whether containers can be limited."""

import functools
from pathlib import Path

from engine.adapters.places import is_inside
from engine.api.quantity import format_bytes

HUGE_PAGES = Path("/sys/kernel/mm/hugepages")
CGROUP = Path("/sys/fs/cgroup")


def huge_pages(folder: Path = HUGE_PAGES) -> tuple[tuple[str, int], ...]:
    """The bytes in huge pages of each size that the kernel has set aside, as *folder* says."""
    found = []
    for place in sorted(folder.glob("hugepages-*kB")):
        size = int(place.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        found.append((format_bytes(size), size * _count(place / "nr_hugepages")))
    return tuple(found)


def can_limit(root: Path = CGROUP) -> bool:
    """Whether the host has the controller hugetlb: in a hierarchy of its own, or the unified one.

    Without it a runtime refuses containers that have such limits at all.
    """
    try:
        return "hugetlb" in (root / "cgroup.controllers").read_text().split()
    except OSError:
        return (root / "hugetlb").is_mount()


@functools.cache
def limited_page_sizes() -> tuple[str, ...]:
    """The sizes (``2Mi``) that there are pages of here, and of which containers can be limited.

    As it was when first asked for. An ordinary user's cgroups do not have the controller.
    """
    if is_inside() or not can_limit():
        return ()
    return tuple(size for size, count in huge_pages() if count)


def _count(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0
