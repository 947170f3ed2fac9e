"""Puts a node together: its kubelet, and the container runtime behind a gate that faults can close.

It knows nothing of the control plane but the client that each kubelet is given.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import attrs

from engine.client.client import Client
from engine.client.link import Link
from engine.client.recorder import EventRecorder
from engine.composition.traffic import ModelledTraffic
from engine.config import ClusterConfig, NodeConfig
from engine.cri.events import RuntimeEvent, UsageMeasured
from engine.cri.runtime import Emit, Runtime
from engine.faults.fault import NodeLevers
from engine.faults.gate import RuntimeGate
from engine.kernel.journal import Journal
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.kubelet.configuration import KubeletSettings, read_configuration
from engine.kubelet.kubelet import Kubelet
from engine.metrics.server import MetricsServer
from engine.metrics.source import Measured, Modelled
from engine.simulation.runtime import SimulatedRuntime
from engine.simulation.storage import SimulatedStorage
from engine.simulation.traffic import Traffic

RuntimeFactory = Callable[[NodeConfig, int, Emit], Runtime | None]
"""Makes the container runtime of a node, given its place in the list; None for a simulated one."""


@attrs.define(eq=False, repr=False)
class NodeParts:
    """What runs on one node."""

    config: NodeConfig
    kubelet: Kubelet
    runtime: Runtime
    link: Link
    gate: RuntimeGate

    @property
    def levers(self) -> NodeLevers:
        """What faults move on it."""
        return NodeLevers(
            kubelet=self.kubelet,
            runtime=self.gate,
            link=self.link,
            address=self.config.address,
            pod_cidr=self.config.pod_cidr,
        )


@attrs.define(eq=False, repr=False, kw_only=True)
class NodeMaker:
    """Makes the nodes of a cluster; containers are simulated where *make_runtime* makes none."""

    config: ClusterConfig
    loop: Loop
    journal: Journal
    random: RandomStreams
    metrics: MetricsServer
    make_client: Callable[[str], Client]
    make_recorder: Callable[[Client, str], EventRecorder]
    make_runtime: RuntimeFactory | None
    volumes: SimulatedStorage | None
    traffic: Traffic
    modelled: ModelledTraffic
    pause: Callable[[], Awaitable[None]] | None

    def make(self, config: NodeConfig, index: int) -> NodeParts:
        """One node; *index* is its place in the list."""
        client = self.make_client(config.name)
        channel = f"runtime/{config.name}"
        runtime = self.make_runtime and self.make_runtime(
            config, index, lambda event: self.journal.post(channel, event)
        )
        if runtime is None:
            runtime = self._simulated(
                config,
                channel,
                lambda event: gate.on_event(event),  # noqa: PLW0108 - made below
            )
        gate = RuntimeGate(
            loop=self.loop,
            runtime=runtime,
            emit=lambda event: kubelet.on_runtime_event(event),  # noqa: PLW0108 - made below
            link=client.link,
            pause=self.pause,
        )
        kubelet = Kubelet(
            node_name=config.name,
            config=config,
            loop=self.loop,
            client=client,
            runtime=gate,
            random=self.random[f"kubelet/{config.name}"],
            recorder=self.make_recorder(client, config.name),
            dns_ip=self.config.dns_ip,
            cluster_domain=self.config.cluster_domain,
            settings=self._settings(),
        )
        if isinstance(runtime, SimulatedRuntime):
            self.metrics.sources[config.name] = Modelled(runtime, self.config.start_time)
        else:
            self.metrics.sources[config.name] = Measured()
        self.journal.register(
            channel, lambda event: self._on_runtime_event(gate, config.name, event)
        )
        return NodeParts(config, kubelet, runtime, client.link, gate)

    def _settings(self) -> KubeletSettings:
        given = self.config.kubelet
        if given is None:
            return KubeletSettings()
        return read_configuration(given, source=self.config.kubelet_source)

    def _on_runtime_event(self, gate: RuntimeGate, node: str, event: RuntimeEvent) -> None:
        if isinstance(event, UsageMeasured):
            self.metrics.report(node, self.loop.now, event.usage)
        else:
            gate.on_event(event)

    def _simulated(self, config: NodeConfig, channel: str, emit: Emit) -> SimulatedRuntime:
        streams = f"{channel}/streams"
        runtime = SimulatedRuntime(
            loop=self.loop,
            config=config,
            random=self.random[channel],
            emit=emit,
            pause=self.pause,
            enter=lambda effect: self.journal.post(streams, effect),
            change=lambda change: self.journal.call(f"{streams}/files", change),
            storage=self.volumes,
            traffic=self.traffic,
            ask=partial(self.modelled.ask, config.name),
        )
        self.journal.register(streams, runtime.carry_out)
        self.journal.register(f"{streams}/files", runtime.change_files)
        return runtime
