"""The pause processes of pods, made by a small helper that is started once.

What a fork costs goes by the size of the process, and ours is large; see `pause_main` for what
happens inside. Nothing here knows Podman.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping

import attrs

from engine.adapters.podman import pause_main
from engine.errors import AdapterError

LARGEST_ANSWER = 65536


class _HelperEndedError(AdapterError):
    """Nobody has done what was asked."""


@attrs.define(eq=False)
class PauseMaker:
    """Makes pause processes. The helper starts with the first of them, and again if it dies.

    *environment* is what the helper and all that it makes have in theirs.
    """

    seconds: float = 10.0
    environment: Mapping[str, str] = attrs.field(factory=dict)
    _helper: "subprocess.Popen[bytes] | None" = attrs.field(default=None, init=False)
    _channel: socket.socket | None = attrs.field(default=None, init=False)
    _last: int = attrs.field(default=0, init=False)
    _waiting: dict[int, asyncio.Future[int]] = attrs.field(factory=dict, init=False)

    async def make(self, request: Mapping[str, object]) -> int:
        """The process that holds the namespaces which *request* asks for.

        It has *kinds* (of ``net``, ``uts``, ``ipc``, ``pid``), *environment*, and with ``net``
        also *hostname*, *sysctls*, *ip* and *interface*. With *inside* that process holds them
        already, and is the answer: only the settings and the network are made. *users* is the id
        of who is root in them, 0 for the host's.

        Raises:
            AdapterError: the kernel refused something; nothing is left of it.
            TimeoutError: it took too long; what comes of it later is ended at once.
            OSError: the helper cannot be started.
        """
        try:
            return await self._ask(request)
        except _HelperEndedError:  # before it came to this one
            return await self._ask(request)

    def close(self) -> None:
        """End the helper; what it made stays. Closing twice, or what never started, is allowed."""
        channel, self._channel = self._channel, None
        if channel is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(channel.fileno())
            channel.close()
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.kill()
            helper.wait()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_HelperEndedError("the helper for namespaces has ended"))

    async def _ask(self, request: Mapping[str, object]) -> int:
        self._last += 1
        number = self._last
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._send(json.dumps({"id": number, **request}).encode())
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(self.seconds):
                return await answer
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: bytes) -> None:
        try:
            (self._channel or self._start()).send(message)
        except ConnectionError:  # the helper has been killed
            self.close()
            self._start().send(message)

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._helper = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-I", "-S", pause_main.__file__, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env=self.environment,
                )
        except OSError:
            ours.close()
            raise
        os.set_blocking(ours.fileno(), False)
        self._channel = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)
        return ours

    def _read(self) -> None:
        assert self._channel is not None
        try:
            message = self._channel.recv(LARGEST_ANSWER)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self.close()
            return
        said = json.loads(message)
        answer, pid = self._waiting.get(said["id"]), said["pid"]
        if answer is None or answer.done():
            if pid:  # nobody wants it any more
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        elif "error" in said:
            answer.set_exception(AdapterError(said["error"]))
        else:
            answer.set_result(pid)
