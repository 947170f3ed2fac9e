"""`kubarium record FILE`: a cluster whose every change by a person becomes a step of a scenario."""

import argparse
import asyncio
import contextlib
import sys
from pathlib import Path

from engine.host import Host
from tui.cli import EXIT_USAGE
from tui.commands.open import leave_on_signal
from tui.commands.serve import host_options
from tui.recording import Recording


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `record` takes beside the options of its cluster."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the scenario to write (TOML)")
    parser.add_argument(
        "--headless", action="store_true", help="no screen: record what kubectl does, until ^C"
    )
    parser.add_argument("--title", default="A recorded session", help="what it is called")
    parser.add_argument("--demo", action="store_true", help="begin with the demo application")


def run(options: argparse.Namespace) -> int:
    """Record until the app is left or, without a screen, until SIGINT or SIGTERM."""
    if not options.file.absolute().parent.is_dir():
        print(f"{options.file} cannot be written: there is no such folder", file=sys.stderr)
        return EXIT_USAGE
    return asyncio.run(record(options))


async def record(options: argparse.Namespace) -> int:
    """Run the cluster and write the file in the end.

    Raises:
        EngineError: the cluster cannot be started, or the file cannot be written.
    """
    host = Host(host_options(options, demo=options.demo))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start()
        recording = Recording(host, options.file, options.title)
        recording.begin(has_before=options.demo)
        if options.headless:
            print(f"Kubarium: {host.summary}; recording to {options.file}", flush=True)
            print(f"export KUBECONFIG={host.kubeconfig}", flush=True)
            ended = asyncio.Event()
            leave_on_signal(ended.set)
            await ended.wait()
        else:
            from tui.app import KubariumApp
            from tui.embedded import EmbeddedSource

            app = KubariumApp(EmbeddedSource(host), notice=f"recording to {options.file}")
            leave_on_signal(app.exit)
            await app.run_async()
        print(recording.stop())
    return 0
