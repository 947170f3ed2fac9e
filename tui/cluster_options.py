"""The options of commands that run a cluster, and what their words must look like."""

import argparse
from collections.abc import Callable
from pathlib import Path

from engine.errors import EngineError

MOST_ZONES = 26


def add_serve_options(serve: argparse.ArgumentParser) -> None:
    """All that `kubarium serve` takes."""
    add_cluster_options(serve)
    add_store_options(serve)
    add_history_options(serve)
    serve.add_argument(
        "--scheduler-config",
        type=_scheduler_config,
        metavar="FILE",
        help="a KubeSchedulerConfiguration (YAML): profiles, plugins and their weights",
    )
    serve.add_argument(
        "--admission-control-config-file",
        type=_admission_config,
        metavar="FILE",
        help="an AdmissionConfiguration (YAML): PodSecurity's defaults and exemptions",
    )
    add_node_options(serve)
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


def add_cluster_options(parser: argparse.ArgumentParser, *, is_scenario: bool = False) -> None:
    """What every command takes that runs a cluster; a scenario brings nodes of its own."""
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


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Where the cluster is kept."""
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


def add_history_options(parser: argparse.ArgumentParser) -> None:
    """How much of the past is kept."""
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


def _config(text: str, read: Callable[[Path], object]) -> tuple[str, object]:
    try:
        return text, read(Path(text))
    except EngineError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _scheduler_config(text: str) -> tuple[str, object]:
    from tui.commands.component_config import read_scheduler_config

    return _config(text, read_scheduler_config)


def _admission_config(text: str) -> tuple[str, object]:
    from tui.commands.component_config import read_admission_config

    return _config(text, read_admission_config)


def add_node_options(parser: argparse.ArgumentParser) -> None:
    """What nodes and controllers are set to."""
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

    return _config(text, read_kubelet_config)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        msg = f"HOST:PORT was expected, such as 127.0.0.1:6443, not {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return host.strip("[]"), int(port)
