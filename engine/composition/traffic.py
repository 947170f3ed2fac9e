"""Modelled requests to simulated pods, along the rules that the service proxies have in effect."""

from collections.abc import Callable

import attrs

from engine.api.load import Load, LoadSpec
from engine.api.meta import ObjectMeta
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop
from engine.load.controller import Traffic
from engine.load.profile import Profile
from engine.proxy.proxier import Proxier
from engine.simulation.load import REQUEST_MILLIS
from engine.simulation.modelled_load import ModelledLoad
from engine.simulation.requests import Requests
from engine.simulation.runtime import SimulatedRuntime
from engine.simulation.services import Answer, Services
from engine.simulation.traffic import Traffic as Network
from engine.simulation.way import Journey


@attrs.define(eq=False, repr=False)
class ModelledTraffic:
    """Begins it: what a Load asks for, and what a simulated container asks for itself.

    *head* is the node from which everybody asks who is no pod, at *address*; *dns* is where pods
    ask for names.
    """

    loop: Loop
    proxier: Proxier
    network: Network
    runtime_of: Callable[[str], Runtime | None]
    head: str
    address: str
    dns: str

    def begin(self, load: Load, profile: Profile) -> Traffic:
        """The traffic of *load*, from the control plane."""
        journey = Journey(self.network, self.address)
        return self._send(load, profile, self.head, "", journey)

    def ask(
        self, node: str, namespace: str, address: str, wanted: Requests
    ) -> Callable[[], object]:
        """Model the requests that the pod at *address* on *node* makes; what ends them."""
        space, service = wanted.service(namespace)
        spec = LoadSpec(
            service=service,
            port=wanted.port,
            path=wanted.path,
            rate=wanted.rate,
            cpu_millis=REQUEST_MILLIS,
        )
        load = Load(metadata=ObjectMeta(name="requests", namespace=space), spec=spec)
        journey = Journey(self.network, address, self.dns)
        return self._send(load, Profile(rate=wanted.rate), node, node, journey).stop

    def get(self, url: str, done: Callable[[Answer], None]) -> None:
        """Ask for ``http://address:port/path`` once, from the control plane; the answer comes."""
        journey = Journey(self.network, self.address)
        services = Services(lambda: self.proxier.rules_of(self.head), self._simulated, journey)
        answer = services.get(url)
        self.loop.call_later(answer.seconds, done, answer)

    def _send(
        self, load: Load, profile: Profile, node: str, near: str, journey: Journey
    ) -> ModelledLoad:
        return ModelledLoad(
            self.loop,
            load,
            profile,
            lambda: self.proxier.rules_of(node),
            self._simulated,
            near,
            journey,
        )

    def _simulated(self, node: str) -> SimulatedRuntime | None:
        runtime = self.runtime_of(node)
        return runtime if isinstance(runtime, SimulatedRuntime) else None
