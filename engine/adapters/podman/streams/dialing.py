"""Connections to a port inside a pod's network namespace.

Source: kubelet and containerd port-forward: localhost inside the namespace, IPv4 before IPv6.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import threading

from engine.adapters.podman.records import Sandbox
from engine.cri.streams import StreamFailure, StreamIO

_CLONE_NEWNET = 0x40000000
_DIAL_SECONDS = 30.0
_BLOCK = 1 << 16


async def forward_to(sandbox: Sandbox, port: int, io: StreamIO) -> None:
    """Join *io* to *port* inside *sandbox*, until both sides have said everything.

    Raises:
        StreamFailure: nobody listens there.
    """
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            reader, writer = await _dial(sandbox, port)
    except (OSError, TimeoutError) as error:
        raise StreamFailure(str(error) or f"timed out connecting to port {port}") from error
    feeding = asyncio.create_task(_feed(writer, io))
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(_BLOCK):
                await io.write(data)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _feed(writer: asyncio.StreamWriter, io: StreamIO) -> None:
    with contextlib.suppress(OSError):
        while data := await io.read():
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _dial(sandbox: Sandbox, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    namespace = "" if sandbox.host_network else _namespace(sandbox)
    if not namespace and not sandbox.host_network:
        return await asyncio.open_connection(sandbox.ip, port)
    tried = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            inside = socket_in(namespace, family)
        except OSError as error:
            tried.append(f"{host}: {error.strerror}")
            continue
        try:
            inside.setblocking(False)  # noqa: FBT003
            await asyncio.get_running_loop().sock_connect(inside, (host, port))
            return await asyncio.open_connection(sock=inside)
        except OSError as error:
            inside.close()
            kind = "tcp4" if family == socket.AF_INET else "tcp6"
            where = host if family == socket.AF_INET else f"[{host}]"
            why = os.strerror(error.errno).lower() if error.errno else str(error)
            tried.append(f"dial {kind} {where}:{port}: connect: {why}")
        except BaseException:
            inside.close()
            raise
    where = f'inside namespace "{namespace}"' if namespace else "on the host network"
    raise OSError(
        f"failed to execute portforward: failed to connect to localhost:{port} {where}: "
        + "; ".join(tried)
    )


def _namespace(sandbox: Sandbox) -> str:
    """The path of the sandbox's network namespace; empty if no process of it is known."""
    pids = [sandbox.pause, *(item.pid for item in sandbox.containers.values() if item.is_running)]
    for pid in pids:
        path = f"/proc/{pid}/ns/net"
        if pid and os.access(path, os.R_OK):
            return path
    return ""


def socket_in(namespace: str, family: int) -> socket.socket:
    """A TCP socket that belongs to the network namespace at *namespace* (empty: to ours).

    Raises:
        OSError: the namespace is gone, or must not be entered.
    """
    if not namespace:
        return socket.socket(family, socket.SOCK_STREAM)
    made: list[socket.socket | OSError] = []

    def make() -> None:
        # A thread of its own: it never comes back from where it goes.
        try:
            descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number), namespace)
            finally:
                os.close(descriptor)
            made.append(socket.socket(family, socket.SOCK_STREAM))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=make, name="netns")
    thread.start()
    thread.join()
    found = made[0]
    if isinstance(found, OSError):
        raise found
    return found
