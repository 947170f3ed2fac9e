"""What a command does for who is not root, before it begins."""

from pathlib import Path

import pytest

from engine.adapters.podman.preflight import Preflight
from engine.adapters.rootless import entering, requirements
from engine.errors import ConfigError
from tui.cli import make_parser
from tui.commands import rootless

WHY = "nobody has subordinate ids"


@pytest.fixture(autouse=True)
def entered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool]]:
    """For which folders namespaces were asked for; none can be had."""
    asked: list[tuple[Path, bool]] = []

    def enter(state: Path, *, is_kept: bool) -> Preflight:
        asked.append((state, is_kept))
        return Preflight(usable=False, reason=WHY)

    monkeypatch.setattr(entering, "enter", enter)
    monkeypatch.setattr(requirements, "refusals", [])
    monkeypatch.setattr(rootless, "refusals", requirements.refusals)
    monkeypatch.delenv("CONTAINER_HOST", raising=False)
    return asked


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("serve --runtime simulated", id="simulated"),
        pytest.param("serve --speed 10", id="not in real time"),
        pytest.param("serve --podman-url unix:///run/podman.sock", id="another Podman"),
        pytest.param("lab list", id="no cluster"),
        pytest.param("lab test", id="a lab on simulated containers"),
        pytest.param("attach", id="somebody else's cluster"),
        pytest.param("load http://127.0.0.1/", id="requests from the machine"),
        pytest.param("scenario list", id="files only"),
    ],
)
def test_what_needs_no_containers_stays_where_it_is(
    line: str, entered: list[tuple[Path, bool]]
) -> None:
    """No namespaces are made."""
    rootless.begin(make_parser().parse_args(line.split()))

    assert entered == []


@pytest.mark.parametrize(
    "line",
    ["", "serve", "play x.toml", "record x.toml", "lab start x", "lab test --real", "doctor"],
)
def test_what_has_a_cluster_of_its_own_gets_namespaces(
    line: str, entered: list[tuple[Path, bool]]
) -> None:
    """Each of them, once."""
    rootless.begin(make_parser().parse_args(line.split()))

    assert len(entered) == 1


def test_simulated_containers_are_explained(entered: list[tuple[Path, bool]]) -> None:
    """The reason is kept for who tells it; what is kept is said to be so."""
    rootless.begin(make_parser().parse_args(["serve", "--data", "/var/kept"]))

    assert entered == [(Path("/var/kept/podman"), True)]
    assert requirements.refusals == [WHY]


def test_real_containers_that_cannot_be_had_are_an_error() -> None:
    """With the same reason."""
    with pytest.raises(ConfigError, match=WHY):
        rootless.begin(make_parser().parse_args(["serve", "--runtime", "podman"]))


def test_a_podman_of_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    entered: list[tuple[Path, bool]],
) -> None:
    """It would be of no use; that is told."""
    monkeypatch.setenv("CONTAINER_HOST", "unix:///run/user/7/podman/podman.sock")

    rootless.begin(make_parser().parse_args(["doctor"]))

    assert len(entered) == 1
    assert "CONTAINER_HOST is not used" in capsys.readouterr().err
