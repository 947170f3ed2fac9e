"""Ports that this process listens at: those that are wanted now, and no others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, Protocol, TypeVar

import attrs

log = logging.getLogger(__name__)

K = TypeVar("K")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener(Protocol):
    """What listens at a port, until it is closed."""

    def close(self) -> None:
        """Listen no more."""
        ...


@attrs.define(eq=False)
class OpenPorts(Generic[K]):
    """Opens by *listen* what `want` names, and closes the rest; *say* is how a port is called.

    Promises:
        * a port that cannot be had is named in `errors`, and tried again with the next `want`;
        * connections made through `serving` go on when their port is closed, until `close`.
    """

    listen: Callable[[K], Awaitable[Listener]]
    say: Callable[[K], str]
    errors: dict[K, str] = attrs.field(factory=dict, init=False)
    _wanted: dict[K, None] = attrs.field(factory=dict, init=False)
    _listeners: dict[K, Listener] = attrs.field(factory=dict, init=False)
    _opening: "dict[K, asyncio.Task[None]]" = attrs.field(factory=dict, init=False)
    _serving: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)

    def want(self, ports: Iterable[K]) -> None:
        """Listen at *ports*, opened in their order, and nowhere else."""
        self._wanted = dict.fromkeys(ports)
        for port in [port for port in self._listeners if port not in self._wanted]:
            self._listeners.pop(port).close()
        for port in self._wanted:
            if port not in self._listeners and port not in self._opening:
                self._opening[port] = asyncio.get_running_loop().create_task(self._open(port))

    async def settled(self) -> None:
        """Wait until every port that is wanted listens or has failed."""
        while self._opening:
            await asyncio.gather(*self._opening.values())

    async def close(self) -> None:
        """Stop listening and end every connection. Closing twice is allowed."""
        self.want(())
        await self.settled()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def serving(self, serve: Serve) -> Serve:
        """*serve* for `asyncio.start_server`: closed after it, and no matter if the peer goes."""

        async def followed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._serving.add(task)
            try:
                await serve(reader, writer)
            except (OSError, asyncio.CancelledError):
                return
            finally:
                self._serving.discard(task)
                writer.close()

        return followed

    async def _open(self, port: K) -> None:
        try:
            listener = await self.listen(port)
        except OSError as error:
            self.errors[port] = str(error)
            log.warning("%s cannot be opened error=%s", self.say(port), error)
        else:
            self.errors.pop(port, None)
            if port in self._wanted:
                self._listeners[port] = listener
            else:
                listener.close()
        finally:
            self._opening.pop(port, None)
