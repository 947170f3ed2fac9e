"""`kubarium replay JOURNAL`: a saved run again, without containers, to the same history."""

import argparse
import sys

from engine.errors import ConfigError
from engine.replay.journal_file import read_journal
from engine.replay.replayer import Replayer
from tui.cli import EXIT_FAILED, EXIT_USAGE


def run(options: argparse.Namespace) -> int:
    """Replay; 0 when the history is the same, 1 when it differs, 2 when there is no journal."""
    try:
        recorded = read_journal(options.journal)
        verdict = Replayer(recorded).run()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    print(f"replayed {verdict.inputs} inputs to revision {verdict.revision}")
    if verdict.report is not None:
        report = verdict.report
        said = "PASSED" if report.passed else f"FAILED {report.message}"
        print(f"scenario {report.scenario}: {said}")
    if verdict.problem:
        print(verdict.problem, file=sys.stderr)
    if not verdict.is_same:
        print(f"DIFFERS at revision {verdict.differs_at}: the history is another from there on")
        return EXIT_FAILED
    end = " as far as the journal goes" if verdict.problem else ""
    print(f"SAME history{end}: {verdict.compared} revisions compared")
    return EXIT_FAILED if verdict.problem else 0
