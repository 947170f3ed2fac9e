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
from tui.late_parser import LateParser

MOST_ZONES = 26
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
    _add_cluster_options(parser)
    _add_store_options(parser)
    parser.add_argument("--no-demo", action="store_true", help="start without the demo application")
    parser.set_defaults(run=_open)
    _add_history_options(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=LateParser)

    serve = commands.add_parser("serve", help="run a cluster without a screen, for kubectl")
    _add_serve_options(serve)
    serve.set_defaults(run=_serve)

    attach = commands.add_parser("attach", help="open the terminal app on a running cluster")
    attach.add_argument(
        "--kubeconfig", type=Path, metavar="PATH", help="what `kubarium serve` wrote"
    )
    attach.add_argument("--context", default="", help="which context of the kubeconfig")
    attach.set_defaults(run=_attach)

    play = commands.add_parser("play", help="play a scenario")
    play.later(_add_play_options)
    _add_cluster_options(play, is_scenario=True)
    play.set_defaults(run=_play)

    scenario = commands.add_parser(
        "scenario", help="list the course; check files; their JSON Schema"
    )
    scenario.later(_add_scenario_actions)

    record = commands.add_parser("record", help="turn what you do into a scenario")
    record.later(_add_record_options)
    _add_cluster_options(record)
    record.set_defaults(run=_record)

    replay = commands.add_parser("replay", help="run a journal again, without the outside world")
    replay.add_argument("journal", type=Path, metavar="JOURNAL", help="what --journal wrote")
    replay.set_defaults(run=_replay)

    load = commands.add_parser("load", help="send requests to a URL or a service and measure")
    load.later(_add_load_options)
    load.set_defaults(run=_load)

    lab = commands.add_parser("lab", help="learn by doing: tasks with live checks and hints")
    lab.later(_add_lab_actions)

    saved = commands.add_parser("snapshot", help="save, restore or check a cluster's store")
    saved.later(_add_snapshot_actions)
    saved.set_defaults(run=_snapshot)

    _add_upkeep(commands)

    encryption = commands.add_parser(
        "encryption", help="the keys that encrypt a cluster's secrets on disk"
    )
    encryption.later(_add_encryption_actions)
    encryption.set_defaults(run=_encryption)

    _add_trouble_commands(commands)
    explained = commands.add_parser("explain", help="say why a pod is where it is, or nowhere")
    explained.later(_add_explain_options)
    explained.set_defaults(run=_explain)

    doctor = commands.add_parser("doctor", help="say what works on this machine")
    doctor.add_argument(
        "--podman-url",
        metavar="URL",
        default="",
        help="look at this Podman service (CONTAINER_HOST)",
    )
    doctor.set_defaults(run=_doctor, wants_containers=True)
    return parser


def _add_trouble_commands(commands: "argparse._SubParsersAction[LateParser]") -> None:
    """What breaks clusters on purpose, and what mends them."""
    soak = commands.add_parser(
        "soak", help="run random workloads and faults in virtual time and check the invariants"
    )
    soak.later(_add_soak_options)
    soak.set_defaults(run=_soak)
    panic = commands.add_parser(
        "panic", help="undo every fault on this machine at once, whatever still answers"
    )
    panic.later(_add_panic_options)
    panic.set_defaults(run=_panic)


def _add_serve_options(serve: argparse.ArgumentParser) -> None:
    _add_cluster_options(serve)
    _add_store_options(serve)
    _add_history_options(serve)
    serve.add_argument(
        "--scheduler-config",
        type=_scheduler_config,
        metavar="FILE",
        help="a KubeSchedulerConfiguration (YAML): profiles, plugins and their weights",
    )
    _add_node_options(serve)
    serve.add_argument(
        "--pod-manifest-path",
        type=Path,
        metavar="DIR",
        help="static pods: manifests in DIR run on the control plane, those in DIR/NODE on NODE",
    )
    serve.add_argument(
        "--audit-log", type=Path, metavar="PATH", help="put down each request here, as JSON lines"
    )
    serve.add_argument(
        "--audit-policy",
        type=Path,
        metavar="PATH",
        help="what is put down: an audit.k8s.io/v1 Policy (bodies of writes, but of no secrets)",
    )
    serve.add_argument(
        "--journal", type=Path, metavar="PATH", help="put down every input, for `kubarium replay`"
    )
    serve.add_argument("--demo", action="store_true", help="deploy the demo application too")


def _add_cluster_options(parser: argparse.ArgumentParser, *, is_scenario: bool = False) -> None:
    parser.add_argument(
        "--nodes",
        type=_count,
        default=None if is_scenario else 3,
        metavar="N",
        help="worker nodes beside the control plane (3)",
    )
    parser.add_argument(
        "--runtime",
        choices=("auto", "podman", "simulated"),
        default="auto",
        help="real containers where Podman can be used (auto), or one of both",
    )
    parser.add_argument(
        "--podman-url",
        metavar="URL",
        default="",
        help="use this Podman service instead of one of our own: unix://PATH, tcp://HOST:PORT or"
        " ssh://USER@HOST/PATH, on this machine (CONTAINER_HOST)",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep the cluster here and resume what is there"
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 0 if is_scenario else 6443),
        metavar="HOST:PORT",
        help="where the API server answers (127.0.0.1:6443; port 0 for any free one)",
    )
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="PATH", help="where to write the kubeconfig"
    )
    parser.add_argument(
        "--seed", type=int, default=None if is_scenario else 1, help="seed of all chance (1)"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="X",
        help="seconds of the cluster per second (1; simulated containers only)",
    )


def _add_store_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        metavar="URL",
        help="keep the cluster in an etcd, etcd://HOST:PORT[,HOST:PORT] or etcds:// for TLS, and"
        " stand by while another Kubarium leads it; the password is read from"
        " KUBARIUM_STORE_PASSWORD",
    )
    for name, metavar, help_text in (
        ("cacert", "PATH", "who signed the etcd's certificate"),
        ("cert", "PATH", "our certificate for the etcd"),
        ("key", "PATH", "the key of our certificate"),
        ("user", "NAME", "our name in the etcd"),
        (
            "prefix",
            "PATH",
            "what our keys in the etcd begin with, one for each cluster (/kubarium/)",
        ),
    ):
        parser.add_argument(f"--store-{name}", metavar=metavar, help=help_text)


def _add_history_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.history import parse_age, parse_revisions, parse_size

    for name, metavar, parse, help_text in (
        ("age", "AGE", parse_age, "how long history is kept: 90m, 24h, 7d, or all (24h)"),
        ("revisions", "N", parse_revisions, "how many revisions are kept, or all (500000)"),
        ("size", "BYTES", parse_size, "how large the store may grow: 256Mi, 1Gi, or all (256Mi)"),
    ):
        parser.add_argument(
            f"--history-{name}",
            type=parse,
            default=argparse.SUPPRESS,
            metavar=metavar,
            help=help_text,
        )


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 1:
        msg = f"a number of nodes from 1 was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return number


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 10_000:
        msg = f"a speed above 0 and up to 10000 was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return speed


def _scheduler_config(text: str) -> tuple[str, object]:
    from tui.commands.component_config import read_scheduler_config

    try:
        return text, read_scheduler_config(Path(text))
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_node_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--zones",
        type=_zones,
        metavar="N",
        default=None,
        help="spread the nodes over N zones, local-a and so on, of the region local; 0 for none"
        " (one for every two workers, at most three)",
    )
    parser.add_argument(
        "--kubelet-config",
        type=_kubelet_config,
        metavar="FILE",
        help="a KubeletConfiguration (YAML): reserved resources, eviction, images, shutdown",
    )
    parser.add_argument(
        "--kube-controller-manager-arg",
        type=_controller_argument,
        action="append",
        metavar="FLAG=VALUE",
        default=[],
        help="a flag of kube-controller-manager, such as node-eviction-rate=0.1 or"
        " node-monitor-grace-period=50s; may be given several times",
    )


def _controller_argument(text: str) -> str:
    from engine.controllers.arguments import read_argument

    try:
        read_argument(text)
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _zones(text: str) -> int:
    if not text.isdigit() or int(text) > MOST_ZONES:
        msg = f"a number of zones from 0 to {MOST_ZONES} was expected, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _kubelet_config(text: str) -> tuple[str, object]:
    from tui.commands.component_config import read_kubelet_config

    try:
        return text, read_kubelet_config(Path(text))
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        msg = f"HOST:PORT was expected, such as 127.0.0.1:6443, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return host.strip("[]"), int(port)


def _add_snapshot_actions(parser: argparse.ArgumentParser) -> None:
    from tui.commands.snapshot import add_parser

    add_parser(parser)


def _add_encryption_actions(parser: argparse.ArgumentParser) -> None:
    from tui.commands.encryption import add_parser

    add_parser(parser)


def _encryption(options: argparse.Namespace) -> int:
    from tui.commands.encryption import run

    return run(options)


def _snapshot(options: argparse.Namespace) -> int:
    from tui.commands.snapshot import run

    return run(options)


def _add_upkeep(commands: "argparse._SubParsersAction[LateParser]") -> None:
    """The commands that look after a store by hand."""
    compacted = commands.add_parser("compact", help="forget old history of a cluster's store")
    compacted.later(_add_compact_options)
    compacted.set_defaults(run=_compact)
    tidied = commands.add_parser("defrag", help="give back space on disk that history has left")
    tidied.later(_add_defrag_options)
    tidied.set_defaults(run=_defrag)
    signed = commands.add_parser("certificates", help="how long a cluster's authority is good for")
    signed.later(_add_certificate_actions)
    signed.set_defaults(run=_certificates)


def _add_certificate_actions(parser: argparse.ArgumentParser) -> None:
    from tui.commands.certificates import add_parser

    add_parser(parser)


def _certificates(options: argparse.Namespace) -> int:
    from tui.commands.certificates import run

    return run(options)


def _add_compact_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.upkeep import add_compact_options

    add_compact_options(parser)


def _compact(options: argparse.Namespace) -> int:
    from tui.commands.upkeep import compact

    return compact(options)


def _add_defrag_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.upkeep import add_defrag_options

    add_defrag_options(parser)


def _defrag(options: argparse.Namespace) -> int:
    from tui.commands.upkeep import defrag

    return defrag(options)


def _add_lab_actions(parser: argparse.ArgumentParser) -> None:
    from tui.commands.lab import add_parser

    add_parser(parser, _add_cluster_options)


def _add_load_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.load import add_options

    add_options(parser)


def _load(options: argparse.Namespace) -> int:
    from tui.commands.load import run

    return run(options)


def _add_soak_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.soak import add_options

    add_options(parser)


def _soak(options: argparse.Namespace) -> int:
    from tui.commands.soak import run

    return run(options)


def _add_panic_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.panic import add_options

    add_options(parser)


def _panic(options: argparse.Namespace) -> int:
    from tui.commands.panic import run

    return run(options)


def _add_explain_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.explain import add_options

    add_options(parser)


def _explain(options: argparse.Namespace) -> int:
    from tui.commands.explain import run

    return run(options)


def _open(options: argparse.Namespace) -> int:
    from tui.commands.open import run

    return run(options)


def _serve(options: argparse.Namespace) -> int:
    # Nothing that is imported is ever garbage: looking for it is a tenth of the start.
    gc.disable()
    from tui.commands.serve import run

    gc.enable()
    return run(options)


def _attach(options: argparse.Namespace) -> int:
    from tui.commands.attach import run

    return run(options)


def _add_play_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.play_options import add_options

    add_options(parser)


def _add_scenario_actions(parser: argparse.ArgumentParser) -> None:
    from tui.commands.scenario import add_actions

    add_actions(parser)


def _add_record_options(parser: argparse.ArgumentParser) -> None:
    from tui.commands.record import add_options

    add_options(parser)


def _record(options: argparse.Namespace) -> int:
    from tui.commands.record import run

    return run(options)


def _replay(options: argparse.Namespace) -> int:
    from tui.commands.replay import run

    return run(options)


def _play(options: argparse.Namespace) -> int:
    from tui.commands.play import run

    return run(options)


def _doctor(options: argparse.Namespace) -> int:
    from tui.commands.doctor import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
