"""`kubarium serve`: a cluster without a screen."""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import sys

from engine.adapters.storage.choose import StoreOptions
from engine.controllers.arguments import read_arguments
from engine.host import Host
from engine.hosting.options import HostOptions
from tui.commands.history import retention


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        return runner.run(serve(options))


def event_loop() -> asyncio.AbstractEventLoop:
    """The event loop of a server: libuv's, at half of what asyncio's own costs with TLS."""
    import uvloop

    return uvloop.new_event_loop()


def settle_memory() -> None:
    """Have what a cluster begins with never looked through for cycles again, the rest seldom.

    Objects of the API have no cycles: counting references frees them. What loading left in cycles
    stays as well: to look for it would cost more than it is worth.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def host_options(options: argparse.Namespace, *, demo: bool) -> HostOptions:
    """The command line as settings of a host."""
    return HostOptions(
        workers=options.nodes or 3,
        zones=getattr(options, "zones", None),
        runtime=options.runtime,
        podman_url=getattr(options, "podman_url", "") or os.environ.get("CONTAINER_HOST", ""),
        data=options.data,
        store=store_options(options),
        listen=options.listen,
        kubeconfig=options.kubeconfig,
        seed=options.seed if options.seed is not None else 1,
        speed=options.speed,
        demo=demo,
        scheduler=getattr(options, "scheduler_config", None),
        kubelet=getattr(options, "kubelet_config", None),
        admission=getattr(options, "admission_control_config_file", None),
        controllers=read_arguments(getattr(options, "kube_controller_manager_arg", ())),
        retention=retention(options),
        manifests=getattr(options, "pod_manifest_path", None),
        audit_log=getattr(options, "audit_log", None),
        audit_policy=getattr(options, "audit_policy", None),
        journal=getattr(options, "journal", None),
    )


def store_options(options: argparse.Namespace) -> StoreOptions | None:
    """The etcd that the command line names, if it names one."""
    if getattr(options, "store", None) is None:
        return None
    return StoreOptions(
        url=options.store,
        ca_file=options.store_cacert,
        cert_file=options.store_cert,
        key_file=options.store_key,
        user=options.store_user,
        password=os.environ.get("KUBARIUM_STORE_PASSWORD"),
        prefix=options.store_prefix,
    )


def tell_waiting(reason: str) -> None:
    """Say why this cluster does not start yet."""
    print(f"kubarium: standing by; {reason}", flush=True)


def tell_alarm(alarm: str | None) -> None:
    """Say that the store takes no writes, or takes them again."""
    text = "the store takes writes again" if alarm is None else f"the store is read-only: {alarm}"
    print(f"kubarium: {text}", file=sys.stderr, flush=True)


async def serve(options: argparse.Namespace) -> int:
    """Start the cluster, say so in one line, and stop it when told to.

    Raises:
        EngineError: it cannot be started; nothing is left behind.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    host = Host(
        host_options(options, demo=options.demo), on_waiting=tell_waiting, on_alarm=tell_alarm
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(host.stop)
        stopped = asyncio.create_task(stop.wait())
        leading = asyncio.create_task(host.lead())
        await asyncio.wait({stopped, leading}, return_when=asyncio.FIRST_COMPLETED)
        if not leading.done():
            leading.cancel()
            await asyncio.wait({leading})
            return 0
        leading.result()
        await host.start()
        settle_memory()
        if host.notice:
            print(host.notice, flush=True)
        print(
            f"kubarium: {host.summary}; try: kubectl --kubeconfig {host.kubeconfig} get nodes",
            flush=True,
        )
        await asyncio.wait({stopped, host.failed}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if host.failed.done():
            host.failed.result()
    return 0
