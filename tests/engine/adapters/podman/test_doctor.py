"""What the doctor says, and that it says how to mend it."""

import pytest

from engine.adapters.podman import doctor
from engine.adapters.podman.doctor import is_usable
from engine.adapters.podman.finding import Finding, Verdict
from engine.adapters.podman.preflight import Preflight


def test_a_note_is_not_in_the_way() -> None:
    """Only what is in the way makes containers simulated."""
    note = Finding(name="kubectl", verdict=Verdict.NOTE, text="not installed")

    assert is_usable([note])
    assert not is_usable([note, Finding(name="podman", verdict=Verdict.NO, text="too old")])


async def test_without_podman_it_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And looks at the rest of the machine all the same."""
    missing = Preflight(usable=False, reason="podman is not installed")
    monkeypatch.setattr(doctor, "inspect_host", lambda: missing)

    findings = {finding.name: finding for finding in await doctor.examine()}

    assert findings["podman"].verdict is Verdict.NO
    assert "podman" in findings["podman"].mend
    assert {
        "privileges",
        "cgroups",
        "disk",
        "clusters",
        "disks",
        "fuse",
        "delays",
    } <= findings.keys()


async def test_a_named_service_that_is_not_there_is_told() -> None:
    """With its address."""
    findings = await doctor.examine("tcp://127.0.0.1:1")

    assert "tcp://127.0.0.1:1" in findings[0].text
    assert not is_usable(findings)
