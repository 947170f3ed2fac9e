"""`kubarium`: a cluster with a demo application, in the terminal app."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.host import Host
from engine.lab.course import entries, language
from tui.commands.serve import host_options, tell_waiting

if TYPE_CHECKING:
    from tui.app import KubariumApp


def run(options: argparse.Namespace) -> int:
    """Start the cluster and open the app on it; both end together.

    Who chooses a scenario or lab of the course gets its cluster next, then this one again.
    """
    from tui.cli import main

    while True:
        code, following = asyncio.run(show(options))
        if not following:
            return code
        main(following)


async def show(options: argparse.Namespace) -> tuple[int, list[str]]:
    """The app on a cluster of its own; the exit code, and a command to run next.

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
        offer_course(app)
        leave_on_signal(app.exit)
        showing = asyncio.create_task(app.run_async())
        await asyncio.wait({showing, host.failed}, return_when=asyncio.FIRST_COMPLETED)
        if not showing.done():
            app.exit()
        await showing
        if host.failed.done() and not host.failed.cancelled():
            host.failed.result()
    return app.return_code or 0, app.next_command


def offer_course(app: "KubariumApp", lang: str = "") -> None:
    """Let the app offer the scenarios and labs there are, with the user's progress."""
    from tui.commands.lab import login, progress

    found = language(lang)
    labs = {entry.id: entry for entry in entries("lab", found)}
    scenarios = entries("scenario", found)
    # Chapter by chapter: what there is to watch, then what there is to do.
    ordered = []
    for chapter in dict.fromkeys(entry.chapter for entry in [*scenarios, *labs.values()]):
        ordered += [e for e in [*scenarios, *labs.values()] if e.chapter == chapter]
    states = {state.lab: state for state in progress().all(login())}
    app.show_course(ordered, states, found)


def leave_on_signal(leave: Callable[[], None]) -> None:
    """Let SIGTERM and a closed terminal end the app as the user would, so that nothing stays."""
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signum, leave)
