"""`kubarium`: a cluster with a demo application, in the terminal app."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Callable

from engine.host import Host
from tui.commands.serve import host_options, tell_waiting


def run(options: argparse.Namespace) -> int:
    """Start the cluster and open the app on it; both end together."""
    return asyncio.run(show(options))


async def show(options: argparse.Namespace) -> int:
    """The app on a cluster of its own.

    Raises:
        EngineError: the cluster cannot be started.
    """
    from tui.app import KubariumApp
    from tui.embedded import EmbeddedSource

    host = Host(host_options(options, demo=not options.no_demo), on_waiting=tell_waiting)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start()
        app = KubariumApp(EmbeddedSource(host), notice=host.notice)
        leave_on_signal(app.exit)
        showing = asyncio.create_task(app.run_async())
        await asyncio.wait({showing, host.failed}, return_when=asyncio.FIRST_COMPLETED)
        if not showing.done():
            app.exit()
        await showing
        if host.failed.done() and not host.failed.cancelled():
            host.failed.result()
    return app.return_code or 0


def leave_on_signal(leave: Callable[[], None]) -> None:
    """Let SIGTERM and a closed terminal end the app as the user would, so that nothing stays."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, leave)
