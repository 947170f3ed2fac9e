"""Which commands of containers the modelled shell can run. Pure."""

from engine.cri.commands import StartContainer
from engine.simulation.console.grammar import commands_in
from engine.simulation.console.interpreter import BUILTINS, SHELLS
from engine.simulation.console.more_tools import ALL as TOOLS
from engine.simulation.console.script import ScriptError

_TIMED = frozenset((":", "date", "echo", "exec", "exit", "false", "sleep", "true"))
"""What `engine.simulation.shell` knows well enough."""


def is_modelled(command: StartContainer) -> bool:
    """Whether process 1 is to be run: all its words are known, and not plain.

    What only says something, waits and ends needs no process.
    """
    argv = command.command + command.args
    if command.stdin or not is_known(argv):
        return False
    program = argv[0].rpartition("/")[2]
    if program not in SHELLS:
        return program not in _TIMED
    names = commands_in(argv[2])
    return not names <= _TIMED or any(sign in argv[2] for sign in "$><|`*{&-")


def is_known(argv: tuple[str, ...]) -> bool:
    """Whether the shell knows every command that *argv* may run."""
    program = argv[0].rpartition("/")[2] if argv else ""
    if program not in SHELLS:
        return program in TOOLS
    if len(argv) < 3 or not argv[1].endswith("c"):
        return False
    try:
        names = commands_in(argv[2])
    except ScriptError:
        return False
    return all(name in TOOLS or name in BUILTINS for name in names)
