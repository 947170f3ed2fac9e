"""`kubarium load`: requests to a URL or a service, and how the answers come back."""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.errors import ConfigError, EngineError

POLL_SECONDS = 0.5


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "target", metavar="TARGET", help="http://HOST:PORT/PATH, or svc/NAME[:PORT][/PATH]"
    )
    parser.add_argument("-n", "--namespace", default="", help="the service's namespace (default)")
    parser.add_argument(
        "--pattern", choices=("constant", "ramp", "spike", "sine"), default="constant",
        help="how the rate moves (constant)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=float, default=50.0, metavar="N",
        help="requests per second, 0 for as many as go (50)",
    )  # fmt: skip
    parser.add_argument(
        "--peak", type=float, metavar="N", help="the highest rate of ramp, spike and sine"
    )
    parser.add_argument("--period", metavar="TIME", help="of a sine or spike, such as 30s")
    parser.add_argument("--duration", default="30s", metavar="TIME", help="how long (30s)")
    parser.add_argument(
        "--concurrency", type=int, default=32, metavar="N", help="connections at most (32)"
    )
    parser.add_argument("--timeout", default="5s", metavar="TIME", help="for one answer (5s)")
    parser.add_argument(
        "-o", "--output", choices=("text", "json"), default="text", help="the form (text)"
    )
    parser.add_argument("--quiet", action="store_true", help="only the result")
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="PATH", help="what `kubarium serve` wrote"
    )
    parser.add_argument("--context", default="", help="which context of the kubeconfig")


def run(options: argparse.Namespace) -> int:
    """Send, print, and end with 0 when every request was answered well, else 1.

    Raises:
        EngineError: the target, a number or the cluster is not what it should be.
    """
    is_url = options.target.startswith(("http://", "https://"))
    return asyncio.run(_to_url(options) if is_url else _to_service(options))


def _seconds(text: str, name: str) -> float:
    from engine.scenario.loader import seconds

    try:
        return seconds(text)
    except ValueError as error:
        msg = f"--{name}: {error}"
        raise ConfigError(msg) from error


async def _to_url(options: argparse.Namespace) -> int:
    from engine.adapters.load_generator import Address, LoadGenerator
    from engine.load.profile import Profile

    parts = urlsplit(options.target)
    if parts.scheme != "http" or not parts.hostname:
        msg = f"{options.target}: only http://HOST:PORT/PATH can be loaded"
        raise ConfigError(msg)
    try:
        port = parts.port or 80
    except ValueError as error:
        msg = f"{options.target}: {error}"
        raise ConfigError(msg) from error
    if not 1 <= options.concurrency <= 10_000:
        msg = f"--concurrency must be from 1 to 10000, not {options.concurrency}"
        raise ConfigError(msg)
    generator = LoadGenerator(
        profile=Profile(
            pattern=options.pattern, rate=options.rate, peak=options.peak,
            period=_seconds(options.period, "period") if options.period else None,
            duration=_seconds(options.duration, "duration"),
        ),
        addresses=[Address(name=parts.netloc, host=parts.hostname, port=port)],
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        host_header=parts.netloc,
        concurrency=options.concurrency,
        timeout=_seconds(options.timeout, "timeout"),
    )  # fmt: skip

    def tell(found: LoadGenerator) -> None:
        _progress(options, found.stats.as_status(age=found.age, phase="Running"))

    task = asyncio.ensure_future(generator.run(tell))
    _cancel_on_signal(task)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return _result(options, generator.stats.as_status(age=generator.age, phase="Done"))


async def _to_service(options: argparse.Namespace) -> int:
    from engine.api.codec import decode, encode
    from engine.api.load import Load
    from engine.hosting.options import default_kubeconfig
    from tui.attached import AttachedSource

    name, port, path = _service(options.target)
    source = AttachedSource.from_kubeconfig(
        options.kubeconfig or default_kubeconfig(), context=options.context or None
    )
    namespace = options.namespace or source.access.namespace or "default"
    wanted: Any = decode(
        {
            "apiVersion": "kubarium.dev/v1",
            "kind": "Load",
            "metadata": {"generateName": f"{name}-", "namespace": namespace},
            "spec": {
                "service": name, "path": path, "pattern": options.pattern,
                "rate": options.rate, "concurrency": options.concurrency,
                "durationSeconds": _seconds(options.duration, "duration"),
                "timeoutSeconds": _seconds(options.timeout, "timeout"),
                **({"port": port} if port else {}),
                **({"peak": options.peak} if options.peak is not None else {}),
                **(
                    {"periodSeconds": _seconds(options.period, "period")} if options.period else {}
                ),
            },
        }
    )  # fmt: skip
    await source.start(lambda *_change: None)
    try:
        made = await _create(source, wanted, name, namespace, port)
        task = asyncio.ensure_future(_follow(source, made, namespace, options))
        _cancel_on_signal(task)
        try:
            status = await task
        except asyncio.CancelledError:
            found = await source.get(Load, made.metadata.name, namespace)
            status = encode(found).get("status", {})
        finally:
            with contextlib.suppress(EngineError):
                await source.delete(Load, made.metadata.name, namespace=namespace)
    finally:
        await source.stop()
    if status.get("phase") == "Failed":
        raise ConfigError(f"{options.target}: {status.get('message')}")
    return _result(options, status)


async def _create(source: Any, wanted: Any, name: str, namespace: str, port: int) -> Any:
    import attrs

    from engine.api.core import Service

    service = await source.get(Service, name, namespace)
    ports = [found.port for found in service.spec.ports]
    if port and port not in ports:
        raise ConfigError(
            f"service/{name} in {namespace} has no port {port}; it has"
            f" {', '.join(map(str, ports)) or 'none'}"
        )
    if not port and ports:
        wanted = attrs.evolve(wanted, spec=attrs.evolve(wanted.spec, port=ports[0]))
    return await source.create(wanted)


async def _follow(
    source: Any, made: Any, namespace: str, options: argparse.Namespace
) -> dict[str, Any]:
    from engine.api.codec import encode
    from engine.api.load import Load

    shown = -1.0
    while True:
        await asyncio.sleep(POLL_SECONDS)
        found = await source.get(Load, made.metadata.name, namespace)
        status: dict[str, Any] = encode(found).get("status", {})
        if status.get("phase") in ("Done", "Failed"):
            return status
        if status.get("seconds", 0) != shown and status.get("requests"):
            shown = status.get("seconds", 0)
            _progress(options, status)


def _service(target: str) -> tuple[str, int, str]:
    kind, slash, rest = target.partition("/")
    if not slash or kind not in ("svc", "service", "services") or not rest:
        msg = f"{target}: a target is http://HOST:PORT/PATH or svc/NAME[:PORT][/PATH]"
        raise ConfigError(msg)
    authority, slash, path = rest.partition("/")
    name, colon, port = authority.partition(":")
    if colon and not port.isdigit():
        msg = f"{target}: {port!r} is not a port"
        raise ConfigError(msg)
    return name, int(port or 0), f"{slash}{path}" or "/"


def _cancel_on_signal(task: "asyncio.Future[Any]") -> None:
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, task.cancel)


def _progress(options: argparse.Namespace, status: dict[str, Any]) -> None:
    if options.quiet or options.output == "json":
        return
    print(
        f"{status['seconds']:>6.0f} s  {status['rate']:>8.1f}/s  {status['requests']:>9} requests"
        f"  {status['errors']:>6} errors  p99 {status['recentP99']:>8.2f} ms",
        flush=True,
    )


def _result(options: argparse.Namespace, status: dict[str, Any]) -> int:
    from tui.render.load import histogram_lines, load_lines
    from tui.render.text import plain

    code = int(bool(status.get("errors")) or not status.get("requests"))
    if options.output == "json":
        json.dump(status, sys.stdout, indent=2)
        print()
        return code
    seconds = max(float(status.get("seconds") or 0), 0.001)
    print(
        f"{status.get('requests', 0)} requests in {seconds:.1f} s"
        f" ({status.get('requests', 0) / seconds:.0f}/s), {status.get('errors', 0)} errors"
    )
    shown = load_lines(options.target, options.pattern, status, 100)
    for line in [shown[1], *histogram_lines(status), *shown[3:]]:
        print(plain(line))
    return code
