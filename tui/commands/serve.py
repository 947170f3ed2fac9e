"""`kubarium serve`: a cluster without a screen."""

import argparse
import asyncio
import contextlib
import signal

from engine.host import Host, HostOptions


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    return asyncio.run(serve(options))


def host_options(options: argparse.Namespace, *, demo: bool) -> HostOptions:
    """The command line as settings of a host."""
    return HostOptions(
        workers=options.nodes or 3,
        runtime=options.runtime,
        data=options.data,
        listen=options.listen,
        kubeconfig=options.kubeconfig,
        seed=options.seed if options.seed is not None else 1,
        speed=options.speed,
        demo=demo,
    )


async def serve(options: argparse.Namespace) -> int:
    """Start the cluster, say so in one line, and stop it when told to.

    Raises:
        EngineError: it cannot be started; nothing is left behind.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    host = Host(host_options(options, demo=options.demo))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        await host.start()
        if host.notice:
            print(host.notice, flush=True)
        print(
            f"kubarium: {host.summary}; try: kubectl --kubeconfig {host.kubeconfig} get nodes",
            flush=True,
        )
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, host.failed}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if host.failed.done():
            host.failed.result()
    return 0
