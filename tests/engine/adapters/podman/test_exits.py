"""How a container ended, from what is left of it."""

from pathlib import Path

import pytest

from engine.adapters.podman.exits import is_out_of_memory


@pytest.mark.parametrize(
    ("controller", "file", "content", "told"),
    [
        ("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n", True),
        ("memory", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", False),
        ("", "memory.events", "low 0\noom 1\noom_kill 2\noom_group_kill 1\n", True),
        ("", "memory.events", "low 0\noom 0\noom_kill 0\n", False),
    ],
)
def test_the_kernel_counts_who_ran_out_of_memory(
    tmp_path: Path, controller: str, file: str, content: str, *, told: bool
) -> None:
    """Under cgroups v1 and v2."""
    (tmp_path / file).write_text(content)
    assert is_out_of_memory({controller: tmp_path}) is told


def test_a_cgroup_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    """Systemd removes a scope at once: then Podman has to be asked, and "no" would be wrong."""
    assert is_out_of_memory({"": tmp_path / "gone"}) is None


def test_a_container_without_a_cgroup_of_its_own_was_not_killed_for_it() -> None:
    """Nothing limits it."""
    assert is_out_of_memory({}) is False
