"""Modelled requests to simulated pods, along the rules that the service proxy has in effect."""

from collections.abc import Callable

import attrs

from engine.api.load import Load, LoadSpec
from engine.api.meta import ObjectMeta
from engine.cri.runtime import Runtime
from engine.kernel.loop import Loop
from engine.load.controller import Traffic
from engine.load.profile import Profile
from engine.proxy.rules import RuleSet
from engine.simulation.load import REQUEST_MILLIS
from engine.simulation.modelled_load import ModelledLoad
from engine.simulation.requests import Requests
from engine.simulation.runtime import SimulatedRuntime


@attrs.define(eq=False, repr=False)
class ModelledTraffic:
    """Begins it: what a Load asks for, and what a simulated container asks for itself."""

    loop: Loop
    rules: Callable[[], RuleSet]
    runtime_of: Callable[[str], Runtime | None]

    def begin(self, load: Load, profile: Profile) -> Traffic:
        """The traffic of *load*."""
        return self._send(load, profile, "")

    def _send(self, load: Load, profile: Profile, node: str) -> ModelledLoad:
        return ModelledLoad(self.loop, load, profile, self.rules, self._simulated, node)

    def ask(self, node: str, namespace: str, wanted: Requests) -> Callable[[], object]:
        """Model the requests that a simulated container on *node* makes; what ends them."""
        space, service = wanted.service(namespace)
        spec = LoadSpec(
            service=service,
            port=wanted.port,
            path=wanted.path,
            rate=wanted.rate,
            cpu_millis=REQUEST_MILLIS,
        )
        load = Load(metadata=ObjectMeta(name="requests", namespace=space), spec=spec)
        return self._send(load, Profile(rate=wanted.rate), node).stop

    def _simulated(self, node: str) -> SimulatedRuntime | None:
        runtime = self.runtime_of(node)
        return runtime if isinstance(runtime, SimulatedRuntime) else None
