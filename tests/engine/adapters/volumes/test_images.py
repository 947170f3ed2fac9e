"""Disk images as plain files: their file systems are found, checked and grown."""

import shutil
from pathlib import Path

import pytest

from engine.adapters.volumes import images

TOOLS = ("mkfs.ext4", "resize2fs", "e2fsck", "debugfs")
PATH = "/usr/sbin:/sbin:/usr/bin:/bin"

pytestmark = pytest.mark.skipif(
    any(shutil.which(name, path=PATH) is None for name in TOOLS),
    reason="the tools of ext4 are not there",
)


def test_file_system_that_the_check_corrects_grows(tmp_path: Path) -> None:
    """Without lost+found, as in volumes of the local class, a check corrects it: code 1."""
    image = tmp_path / "disk.img"
    images.make(image, 16 << 20)
    assert images.format_if_needed(image, str(image))
    images.run("debugfs", "-w", "-R", "rmdir lost+found", str(image))

    images.grow(image, 32 << 20)
    images.grow_file_system(image, str(image))

    assert images.is_grown(image)
    assert images.file_system_size(image) == 32 << 20
