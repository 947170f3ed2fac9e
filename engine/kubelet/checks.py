"""Probes and hooks as the runtime's checks: what to ask, and who waits for which answer."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from engine.api.container import (
    Container,
    ExecAction,
    HTTPGetAction,
    LifecycleHandler,
    TCPSocketAction,
)
from engine.api.wire import IntOrString
from engine.cri.commands import ExecCheck, GrpcCheck, HttpCheck, RunCheck, TcpCheck
from engine.cri.events import CheckFinished
from engine.cri.runtime import Runtime

Check = HttpCheck | TcpCheck | ExecCheck | GrpcCheck
Answer = Callable[[CheckFinished], None]


@attrs.define(eq=False)
class CheckRunner:
    """Submits checks and hands each answer to who asked."""

    runtime: Runtime
    _waiting: dict[str, Answer] = attrs.field(factory=dict, init=False)
    _count: int = attrs.field(default=0, init=False)

    def run(
        self, container_id: str, check: Check, *, timeout: float, answer: Answer, kind: str = ""
    ) -> str:
        """Run one check; *answer* is called once, unless it is forgotten first."""
        self._count += 1
        token = f"{container_id[:12]}/{self._count}"
        self._waiting[token] = answer
        command = RunCheck(
            token=token, container_id=container_id, check=check, timeout=timeout, kind=kind
        )
        self.runtime.submit(command)
        return token

    def finish(self, event: CheckFinished) -> None:
        """Hand an answer over; one that nobody waits for is dropped."""
        answer = self._waiting.pop(event.token, None)
        if answer is not None:
            answer(event)

    def forget(self, token: str) -> None:
        """Let nobody wait for this answer any more."""
        self._waiting.pop(token, None)

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()


def make_check(
    container: Container,
    *,
    command: ExecAction | None,
    http_get: HTTPGetAction | None,
    tcp_socket: TCPSocketAction | None,
    grpc: Mapping[str, Any] | None = None,
    any_status: bool = False,
) -> Check | None:
    """The check that a probe or hook describes, or None if it describes none we can run."""
    if command is not None:
        return ExecCheck(command=command.command)
    if http_get is not None:
        port = port_number(container, http_get.port)
        if port is None:
            return None
        return HttpCheck(
            host=http_get.host,
            port=port,
            path=http_get.path or "/",
            scheme=http_get.scheme or "HTTP",
            headers=tuple((header.name, header.value) for header in http_get.http_headers),
            any_status=any_status,
        )
    if tcp_socket is not None:
        port = port_number(container, tcp_socket.port)
        return None if port is None else TcpCheck(host=tcp_socket.host, port=port)
    if grpc is not None:
        return GrpcCheck(port=int(grpc["port"]), service=str(grpc.get("service") or ""))
    return None


def make_hook_check(container: Container, hook: LifecycleHandler) -> Check | None:
    """The check that runs *hook*; None for one that cannot be run, as every tcpSocket.

    Source: handlerRunner.Run, kubelet lifecycle/handlers.go, kubernetes v1.34.
    """
    return make_check(
        container, command=hook.exec, http_get=hook.http_get, tcp_socket=None, any_status=True
    )


def port_number(container: Container, port: IntOrString) -> int | None:
    """The number of a port given by number or name, or None if there is no such port."""
    if isinstance(port, int):
        return port
    for known in container.ports:
        if known.name == port:
            return known.container_port
    return int(port) if port.isdigit() else None
