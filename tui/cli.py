"""The `kubarium` command. Textual is imported only by the commands that show something."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from types import ModuleType

from engine.adapters.places import MARK
from engine.errors import EngineError
from tui.cluster_options import (
    add_cluster_options,
    add_history_options,
    add_serve_options,
    add_store_options,
)
from tui.late_parser import LateParser, late

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code.

    0 when all went well, 1 when something did not, 2 when the command line or a file is wrong.
    """
    options = make_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    rootless = _rootless() if arguments is None else None
    try:
        if rootless is not None:
            rootless.begin(options)
        return run(options)
    except KeyboardInterrupt:
        return 130
    except EngineError as error:
        print(f"kubarium: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        if rootless is not None:
            rootless.end(options)


def _rootless() -> ModuleType | None:
    """What goes before and after a command of who is not root, or is so only in namespaces."""
    if os.geteuid() == 0 and not os.environ.get(MARK):
        return None
    from tui.commands import rootless

    return rootless


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="kubarium",
        description="A Kubernetes cluster you can watch think. Without a command: a cluster with "
        "a demo application, in the terminal.",
    )
    parser.add_argument(
        "--version", action="version", version=f"kubarium {metadata.version('kubarium')}"
    )
    add_cluster_options(parser)
    add_store_options(parser)
    parser.add_argument("--no-demo", action="store_true", help="start without the demo application")
    parser.set_defaults(run=late("tui.commands.open:run"), wants_containers=True)
    add_history_options(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=LateParser)

    serve = commands.add_parser("serve", help="run a cluster without a screen, for kubectl")
    add_serve_options(serve)
    serve.set_defaults(run=_serve)

    attach = commands.add_parser("attach", help="open the terminal app on a running cluster")
    attach.add_argument(
        "--kubeconfig", type=Path, metavar="PATH", help="what `kubarium serve` wrote"
    )
    attach.add_argument("--context", default="", help="which context of the kubeconfig")
    attach.set_defaults(run=late("tui.commands.attach:run"))

    play = commands.add_parser("play", help="play a scenario")
    play.later(late("tui.commands.play_options:add_options"))
    add_cluster_options(play, is_scenario=True)
    play.set_defaults(run=late("tui.commands.play:run"))

    scenario = commands.add_parser(
        "scenario", help="list the course; check files; their JSON Schema"
    )
    scenario.later(late("tui.commands.scenario:add_actions"))

    record = commands.add_parser("record", help="turn what you do into a scenario")
    record.later(late("tui.commands.record:add_options"))
    add_cluster_options(record)
    record.set_defaults(run=late("tui.commands.record:run"))

    replay = commands.add_parser("replay", help="run a journal again, without the outside world")
    replay.add_argument("journal", type=Path, metavar="JOURNAL", help="what --journal wrote")
    replay.set_defaults(run=late("tui.commands.replay:run"))

    load = commands.add_parser("load", help="send requests to a URL or a service and measure")
    load.later(late("tui.commands.load:add_options"))
    load.set_defaults(run=late("tui.commands.load:run"))

    lab = commands.add_parser("lab", help="learn by doing: tasks with live checks and hints")
    lab.later(_add_lab_actions)

    saved = commands.add_parser("snapshot", help="save, restore or check a cluster's store")
    saved.later(late("tui.commands.snapshot:add_parser"))
    saved.set_defaults(run=late("tui.commands.snapshot:run"))

    _add_upkeep(commands)

    encryption = commands.add_parser(
        "encryption", help="the keys that encrypt a cluster's secrets on disk"
    )
    encryption.later(late("tui.commands.encryption:add_parser"))
    encryption.set_defaults(run=late("tui.commands.encryption:run"))

    _add_trouble_commands(commands)
    explained = commands.add_parser("explain", help="say why a pod is where it is, or nowhere")
    explained.later(late("tui.commands.explain:add_options"))
    explained.set_defaults(run=late("tui.commands.explain:run"))

    doctor = commands.add_parser("doctor", help="say what works on this machine")
    doctor.add_argument(
        "--podman-url",
        metavar="URL",
        default="",
        help="look at this Podman service (CONTAINER_HOST)",
    )
    doctor.set_defaults(run=late("tui.commands.doctor:run"))
    for command in commands.choices.values():
        command.set_defaults(wants_containers=command in (serve, play, record, doctor))
    return parser


def _add_trouble_commands(commands: "argparse._SubParsersAction[LateParser]") -> None:
    """What breaks clusters on purpose, and what mends them."""
    soak = commands.add_parser(
        "soak", help="run random workloads and faults in virtual time and check the invariants"
    )
    soak.later(late("tui.commands.soak:add_options"))
    soak.set_defaults(run=late("tui.commands.soak:run"))
    panic = commands.add_parser(
        "panic", help="undo every fault on this machine at once, whatever still answers"
    )
    panic.later(late("tui.commands.panic:add_options"))
    panic.set_defaults(run=late("tui.commands.panic:run"))


def _add_upkeep(commands: "argparse._SubParsersAction[LateParser]") -> None:
    """The commands that look after a store by hand."""
    compacted = commands.add_parser("compact", help="forget old history of a cluster's store")
    compacted.later(late("tui.commands.upkeep:add_compact_options"))
    compacted.set_defaults(run=late("tui.commands.upkeep:compact"))
    tidied = commands.add_parser("defrag", help="give back space on disk that history has left")
    tidied.later(late("tui.commands.upkeep:add_defrag_options"))
    tidied.set_defaults(run=late("tui.commands.upkeep:defrag"))
    signed = commands.add_parser("certificates", help="how long a cluster's authority is good for")
    signed.later(late("tui.commands.certificates:add_parser"))
    signed.set_defaults(run=late("tui.commands.certificates:run"))


def _add_lab_actions(parser: argparse.ArgumentParser) -> None:
    from tui.commands.lab import add_parser

    add_parser(parser, add_cluster_options)


def _serve(options: argparse.Namespace) -> int:
    # Nothing that is imported is ever garbage: looking for it is a tenth of the start.
    gc.disable()
    from tui.commands.serve import run

    gc.enable()
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
