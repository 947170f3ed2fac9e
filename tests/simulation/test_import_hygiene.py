"""What importing the engine brings in."""

import subprocess
import sys


def test_the_engine_does_not_import_the_terminal() -> None:
    """A static graph cannot see what is imported late."""
    program = (
        "import engine.cluster, sys; print([m for m in sys.modules if m in ('textual', 'rich')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]"
