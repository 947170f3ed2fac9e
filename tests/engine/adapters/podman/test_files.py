"""Small files and folders by plain system calls."""

from pathlib import Path

import pytest

from engine.adapters.podman.files import make_folder, read, read_bytes, remove_folder, write


def test_a_file_is_written_anew_with_its_mode(tmp_path: Path) -> None:
    """What was in it before is gone, and the mode is the one asked for, whatever the umask."""
    place = tmp_path / "hosts"
    place.write_text("much longer than what comes")

    write(place, b"short", mode=0o666)

    assert read(place) == "short"
    assert place.stat().st_mode & 0o777 == 0o666


def test_files_of_the_kernel_are_read_whole(tmp_path: Path) -> None:
    """A file that tells no size has its content read; *most* cuts any file."""
    place = tmp_path / "log"
    place.write_bytes(b"x" * 200_000)

    assert read("/proc/self/stat").endswith("\n")
    assert len(read_bytes(place)) == 200_000
    assert read_bytes(place, 3) == b"xxx"


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    """The first call makes all of it, the second finds it there."""
    place = tmp_path / "a/b/c"

    assert make_folder(str(place))
    assert not make_folder(str(place))
    assert place.is_dir()


@pytest.mark.parametrize("more", ["", "rotated.log", "volumes/data/file"])
def test_a_folder_goes_with_all_that_is_in_it(tmp_path: Path, more: str) -> None:
    """Known files, unknown ones and unknown folders: nothing is left, and nothing else is hurt."""
    place = tmp_path / "pod"
    make_folder(str(place / "logs"))
    write(place / "logs/web.0.log", b"said")
    if more:
        (place / more).parent.mkdir(parents=True, exist_ok=True)
        write(place / more, b"")
    write(tmp_path / "other", b"")

    remove_folder(place, [place / "logs/web.0.log", place / "logs"])
    remove_folder(place, [place / "logs"])

    assert [found.name for found in tmp_path.iterdir()] == ["other"]


def test_what_a_known_name_leads_to_stays(tmp_path: Path) -> None:
    """A symbolic link among the known names is removed itself."""
    (tmp_path / "target").mkdir()
    make_folder(str(tmp_path / "pod"))
    (tmp_path / "pod/link").symlink_to(tmp_path / "target")

    remove_folder(tmp_path / "pod", [tmp_path / "pod/link"])

    assert (tmp_path / "target").is_dir()
    assert not (tmp_path / "pod").exists()
