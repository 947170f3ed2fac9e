"""The few commands whose course a simulated container knows."""

import pytest

from engine.simulation.shell import course_of


@pytest.mark.parametrize(
    ("argv", "seconds", "code"),
    [
        pytest.param(["sleep", "5"], 5.0, 0, id="sleep"),
        pytest.param(["/bin/sleep", "1m"], 60.0, 0, id="sleep-minutes"),
        pytest.param(["sleep", "infinity"], None, 0, id="sleep-for-ever"),
        pytest.param(["false"], 0.0, 1, id="false"),
        pytest.param(["sh", "-c", "sleep 2; exit 4"], 2.05, 4, id="script-with-exit"),
        pytest.param(["sh", "-c", "while true; do sleep 1; done"], None, 0, id="loop"),
        pytest.param(["sh", "-c", "echo 'unclosed"], 0.1, 2, id="syntax-error"),
        pytest.param(["sh", "-c", "exit many"], 0.05, 2, id="bad-exit-code"),
    ],
)
def test_course_of_known_commands(argv: list[str], seconds: float | None, code: int) -> None:
    """Duration and exit code are those of the real command."""
    course = course_of(argv)

    assert course is not None
    assert (course.seconds, course.exit_code) == (seconds, code)


def test_unknown_command_has_no_course() -> None:
    """What is not known is not guessed."""
    assert course_of(["nginx", "-g", "daemon off;"]) is None


def test_output_comes_at_its_time() -> None:
    """A line is written when the script gets there."""
    course = course_of(["sh", "-c", "echo one; sleep 3; echo two"])

    assert course is not None
    assert course.output == ((0.0, "one"), (3.0, "two"))
