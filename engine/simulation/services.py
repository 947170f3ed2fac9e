"""What services answer in a cluster whose containers are simulated."""

from collections.abc import Callable
from urllib.parse import urlsplit

import attrs

from engine.proxy.rules import Backend, RuleSet
from engine.simulation.behaviors import BROKEN_DEMO, DEMO_PORT
from engine.simulation.console import web
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox
from engine.simulation.images import split_reference
from engine.simulation.runtime import SimulatedRuntime
from engine.simulation.way import Journey

ANSWER_SECONDS = 0.001
PATIENCE_SECONDS = 3.0
"""How long a client waits for an answer."""
ANSWER_BYTES = 1500


@attrs.frozen(kw_only=True)
class Answer:
    """Status and body, *seconds* after the request; status 0 if nobody answered."""

    status: int
    body: str
    seconds: float = ANSWER_SECONDS


@attrs.define(eq=False)
class Services:
    """The services as one client sees them: by its *rules*, on its *journey*."""

    rules: Callable[[], RuleSet]
    reach: Callable[[str], SimulatedRuntime | None]
    journey: Journey

    def get(self, url: str) -> Answer:
        """The answer to a GET of ``http://address:port/path``."""
        parts = urlsplit(url)
        try:
            address, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return Answer(status=0, body=f"{url} has no usable port")
        for frontend, target in self.rules().frontends().items():
            if (frontend.ip, frontend.protocol, frontend.port) == (address, "tcp", port):
                if not target.backends:
                    return Answer(status=0, body="connection refused: no endpoint is ready")
                return self._ask(target.backends[0], parts.path or "/")
        return Answer(status=0, body=f"no service has the address {address} and the port {port}")

    def _ask(self, backend: Backend, path: str) -> Answer:
        runtime, traffic = self.reach(backend.node), self.journey.traffic
        sandbox = _sandbox_at(runtime, backend.ip)
        way = self.journey.to(backend.ip, backend.port)
        late = way.seconds(traffic.chance, size=ANSWER_BYTES) if traffic is not None else 0.0
        if traffic is not None and traffic.is_reset(self.journey.address, backend.ip):
            return Answer(status=0, body="connection reset by peer")
        if sandbox is None or runtime is None or late + ANSWER_SECONDS >= PATIENCE_SECONDS:
            return _no_answer()
        container = _running(sandbox)
        if container is None or (container.behavior.is_demo and backend.port != DEMO_PORT):
            return Answer(status=0, body="connection refused")
        if runtime.disturbances.is_frozen(container.id):
            return _no_answer()
        status, _, body = web.answer(path, _site(sandbox, container, backend.node))
        return Answer(
            status=status,
            body=body.decode(errors="replace").rstrip(),
            seconds=ANSWER_SECONDS + late,
        )


def _sandbox_at(runtime: SimulatedRuntime | None, address: str) -> SimulatedSandbox | None:
    found = runtime.sandboxes.values() if runtime is not None else ()
    return next((sandbox for sandbox in found if sandbox.ip == address), None)


def _running(sandbox: SimulatedSandbox) -> SimulatedContainer | None:
    return next((found for found in sandbox.containers.values() if found.is_running), None)


def _site(sandbox: SimulatedSandbox, container: SimulatedContainer, node: str) -> web.Site:
    version, is_demo = split_reference(container.command.image)[1], container.behavior.is_demo
    return web.Site(
        pod=sandbox.command.pod.name,
        version=version,
        node=node,
        namespace=sandbox.command.pod.namespace,
        is_demo=is_demo,
        is_broken=is_demo and version == BROKEN_DEMO,
    )


def _no_answer() -> Answer:
    return Answer(status=0, body="timed out", seconds=PATIENCE_SECONDS)
