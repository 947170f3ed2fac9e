"""Journals of runs, replayed."""

import asyncio
import json
from pathlib import Path

import pytest

from engine.api.apps import Deployment
from engine.errors import ConfigError
from engine.host import Host
from engine.hosting.options import HostOptions
from engine.replay.journal_file import read_journal
from engine.replay.replayer import Replayer
from engine.scenario.loader import parse_scenario
from engine.scenario.recorder import Recorder
from tests.builders import make_deployment
from tui import operations
from tui.embedded import EmbeddedSource


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The journal of a session on the screen, and what was recorded of it."""
    folder = tmp_path_factory.mktemp("session")

    async def run() -> str:
        options = HostOptions(
            runtime="simulated",
            listen=("127.0.0.1", 0),
            kubeconfig=folder / "kubeconfig",
            journal=folder / "journal",
            demo=True,
        )
        host = Host(options)
        try:
            await host.start(is_driven=False)
            recorder = Recorder(host.cluster)
            host.listen_to_inputs(recorder.tap)
            host.cluster.journal.answered = recorder.answered
            source = EmbeddedSource(host)
            loop = host.cluster.loop
            loop.run_for(12.3)
            await source.create(make_deployment("web", replicas=2))
            loop.run_for(7.7)
            found = await source.get(Deployment, "web", "default")
            await operations.scale(source, found, 4)
            loop.run_for(0.01)
            await operations.break_node(source, "node-2", operations.CRASH)
            loop.run_for(80.0)
            await source.delete(Deployment, "web", namespace="default")
            loop.run_for(9.0)
            return recorder.text()
        finally:
            await host.stop()

    return folder / "journal", asyncio.run(run())


def test_a_replayed_session_has_the_same_store_history(session: tuple[Path, str]) -> None:
    """Every revision is the same, key by key."""
    verdict = Replayer(read_journal(session[0])).run()

    assert verdict.is_same
    assert not verdict.problem
    assert verdict.compared > 200


def test_a_journal_that_is_cut_off_replays_up_to_the_cut(
    session: tuple[Path, str], tmp_path: Path
) -> None:
    """And says where it is cut off."""
    cut = tmp_path / "cut"
    cut.write_bytes(session[0].read_bytes()[:-700])

    verdict = Replayer(read_journal(cut)).run()

    assert verdict.is_same
    assert "cut off" in verdict.problem or "no end" in verdict.problem


def test_another_history_is_named_by_its_first_revision(
    session: tuple[Path, str], tmp_path: Path
) -> None:
    """A digest that is not ours is where the runs part."""
    rows = session[0].read_text(encoding="utf-8").split("\n")
    digests = [number for number, row in enumerate(rows) if row.startswith('{"d":')]
    wrong = json.loads(rows[digests[150]])
    rows[digests[150]] = json.dumps({**wrong, "h": "0"})
    other = tmp_path / "other"
    other.write_text("\n".join(rows), encoding="utf-8")

    assert Replayer(read_journal(other)).run().differs_at == wrong["d"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header"),
        ('{"format": "kubarium.journal/9"}', "kubarium.journal/9"),
        ("{}", "no format"),
    ],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """With the file's name, and what to do."""
    (tmp_path / "j").write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match="j:1: ") as caught:
        read_journal(tmp_path / "j")

    assert words in str(caught.value)


def test_a_recorded_session_is_a_scenario(session: tuple[Path, str]) -> None:
    """Its steps are what was done, with waits for what was waited for."""
    steps = parse_scenario(session[1]).step

    assert [step.do for step in steps if step.do != "sleep"] == [
        "apply", "wait", "scale", "fault", "wait", "delete",
    ]  # fmt: skip
