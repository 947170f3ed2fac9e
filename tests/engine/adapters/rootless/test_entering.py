"""What a process inside the namespaces is told, and where its files are."""

from pathlib import Path

import pytest

from engine.adapters import places
from engine.adapters.rootless import egress, entering
from engine.adapters.rootless.entering import inner_environment, run_root


def test_the_inner_environment_says_who_and_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And the process that reads it knows that it is inside."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1001)
    monkeypatch.setattr("os.getegid", lambda: 1002)

    inner = inner_environment({"PATH": "/bin", "LANG": "C"}, Path("/home/ann/state"), 77)

    assert inner["LANG"] == "C"
    assert inner["PATH"].startswith("/bin:")
    monkeypatch.setenv(places.MARK, inner[places.MARK])
    monkeypatch.setenv(places.STATE, inner[places.STATE])
    assert places.is_inside()
    assert not places.is_root()
    assert places.user_ids() == (1001, 1002)
    assert places.network() == "/proc/77/ns/net"
    assert places.space() == "/home/ann/state"
    assert places.runtime_folder() == tmp_path / "kubarium"


def test_the_run_root_is_never_too_long_for_podman(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """However long the names of the user's folders are; two clusters never share one."""
    deep = tmp_path / ("d" * 60)
    deep.mkdir()
    monkeypatch.setattr(places, "is_root", lambda: False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))

    found = run_root(Path("/home/ann") / ("x" * 200))

    assert len(str(found)) <= entering.LONGEST_RUN_ROOT
    assert found != run_root(Path("/home/ann/y"))


@pytest.mark.parametrize("program", ["slirp4netns", "pasta"])
def test_the_way_out_ends_with_the_cluster_and_opens_nothing(program: str) -> None:
    """It dies with its parent, and no port of the machine leads in."""
    command = list(egress.command(program, "/proc/1/ns/net"))

    assert command[:4] == ["setpriv", "--pdeathsig", "KILL", program]
    assert "/proc/1/ns/net" in command
    closed = "--disable-host-loopback" if program == "slirp4netns" else "none"
    assert closed in command
