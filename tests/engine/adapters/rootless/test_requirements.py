"""What an ordinary user lacks."""

from pathlib import Path

import pytest

from engine.adapters.rootless import requirements
from engine.adapters.rootless.requirements import delegated, has_ids, lacks


@pytest.mark.parametrize(
    ("text", "has"),
    [
        pytest.param("ann:100000:65536\n", True, id="by name"),
        pytest.param("1001:100000:65536\n", True, id="by number"),
        pytest.param("bob:100000:65536\n", False, id="somebody else's"),
        pytest.param("ann:100000:0\n", False, id="none of them"),
        pytest.param("", False, id="an empty file"),
    ],
)
def test_subordinate_ids_are_found_by_name_and_number(text: str, *, has: bool) -> None:
    """As newuidmap looks for them."""
    assert has_ids(text, "ann", 1001) is has


def test_what_is_in_the_way_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that mends it."""
    monkeypatch.setattr(requirements, "find_program", lambda _name: None)

    found = lacks()

    assert found[0].blocks
    assert "newuidmap" in found[0].text
    assert "uidmap" in found[0].mend
    assert [lack.blocks for lack in found] == sorted((x.blocks for x in found), reverse=True)


def test_without_a_way_out_containers_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """They only reach nothing outside."""
    monkeypatch.setattr(requirements, "uses_outer_network", lambda: "")

    lack = next(lack for lack in lacks() if lack.name == "outside")

    assert not lack.blocks
    assert lack.mend


def test_delegated_controllers_are_those_of_the_users_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On cgroups v2 with systemd; without there are none."""
    monkeypatch.setattr(requirements, "user_ids", lambda: (1001, 1001))
    folder = tmp_path / "user.slice" / "user-1001.slice" / "user@1001.service"
    folder.mkdir(parents=True)

    assert delegated(tmp_path) == []
    (folder / "cgroup.controllers").write_text("cpu memory pids\n")
    assert delegated(tmp_path) == ["cpu", "memory", "pids"]
