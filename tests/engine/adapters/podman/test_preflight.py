"""The choice of the OCI runtime."""

from pathlib import Path

from engine.adapters.podman.preflight import choose_runtime


def test_unified_hierarchy_needs_no_tricks(tmp_path: Path) -> None:
    """With cgroups v2 the first runtime found is used as it is."""
    (tmp_path / "cgroup.controllers").touch()

    runtime, hides = choose_runtime(tmp_path)

    assert runtime in {"crun", "runc"}
    assert not hides


def test_pure_v1_needs_no_tricks(tmp_path: Path) -> None:
    """Without a cgroup2 mount there is nothing to hide."""
    assert choose_runtime(tmp_path)[1] is False
