"""What is left of a store after its process was killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# `KUBARIUM_CRASH_ROUNDS=1000 pytest …` kills as often as wanted; each round takes about 0.15 s.
ROUNDS = int(os.environ.get("KUBARIUM_CRASH_ROUNDS", "90"))


@pytest.mark.slow
@pytest.mark.timeout(60 + ROUNDS)
def test_no_kill_loses_an_acknowledged_write_or_leaves_half_a_transaction(tmp_path: Path) -> None:
    """After each of hundreds of kills the file holds whole revisions, all acknowledged ones too."""
    script = Path(__file__).with_name("crash_rounds.py")

    done = subprocess.run(
        [sys.executable, script, tmp_path, str(ROUNDS), "20"],
        capture_output=True,
        text=True,
        timeout=50 + ROUNDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert sum(result["kills"].values()) == ROUNDS
    assert len(result["kills"]) == 9, "every named point and random moments"
