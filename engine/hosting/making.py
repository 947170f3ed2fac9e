"""A cluster as its options and this machine have it."""

import asyncio
import time
from typing import Any

import attrs

from engine.adapters.storage.choose import Storage
from engine.apiserver.authentication.identity import Identity
from engine.cluster import Cluster
from engine.config import SIMULATED_EPOCH, ClusterConfig, NodeConfig, make_nodes, usual_zones
from engine.cri.runtime import Emit, Runtime
from engine.hosting.containers import GENTLE_KUBELET, Containers
from engine.hosting.options import HostOptions
from engine.load.controller import Begin

LOOK_SECONDS = 0.1  # how often who follows a simulated container looks again


@attrs.frozen(kw_only=True)
class ClusterMaker:
    """Puts a cluster together from what *options* say and what *containers* there are."""

    options: HostOptions
    containers: Containers
    storage: Storage[Any]
    identity: Identity
    send_load: Begin

    def make(self, *, is_live: bool) -> Cluster:
        """The cluster; with *is_live* its time begins now, else at the epoch of simulations."""
        options = self.options
        network: dict[str, Any] = {}
        parts: dict[str, Any] = {"pause": _look_again}
        if self.containers.podman is None:
            nodes = make_nodes(options.workers, zones=self._zones())
        else:
            slot = self.containers.podman.slot
            nodes = self._real_nodes()
            network = {"service_cidr": slot.service_cidr, "pod_cidr": slot.pod_cidr}
            assert self.containers.network is not None
            parts = {
                "make_runtime": self._make_runtime,
                "make_storage": self.containers.podman.make_storage,
                "send_load": self.send_load,
                "sink": self.containers.network.sink,
            }
        events = asyncio.get_running_loop()
        config = ClusterConfig(
            nodes=nodes if options.shape is None else options.shape(nodes),
            seed=options.seed,
            start_time=time.time() if is_live else SIMULATED_EPOCH,
            has_component_pods=options.has_component_pods,
            **network,
            **self._components(),
        )
        return Cluster(
            config=config,
            log=self.storage.open(events.call_soon_threadsafe, events.call_soon),
            log_size=self.storage.size,
            retention=options.retention,
            identity=self.identity,
            **parts,
        )

    def _zones(self) -> int:
        given = self.options.zones
        return usual_zones(self.options.workers) if given is None else given

    def _real_nodes(self) -> tuple[NodeConfig, ...]:
        podman = self.containers.podman
        assert podman is not None
        facts = podman.facts()
        return make_nodes(
            self.options.workers,
            zones=self._zones(),
            pod_cidr=podman.slot.pod_cidr,
            node_network=f"{podman.slot.node_address(0).rpartition('.')[0]}.0/24",
            cpu=facts.cpu,
            memory=facts.memory,
        )

    def _components(self) -> dict[str, Any]:
        found: dict[str, Any] = {"controllers": self.options.controllers}
        if self.options.scheduler is not None:
            found["scheduler_source"], found["scheduler"] = self.options.scheduler
        if self.options.admission is not None:
            found["admission_source"], found["admission"] = self.options.admission
        if self.options.kubelet is not None:
            found["kubelet_source"], found["kubelet"] = self.options.kubelet
        elif self.containers.podman is not None:
            found["kubelet"] = GENTLE_KUBELET
        return found

    def _make_runtime(self, node: NodeConfig, index: int, emit: Emit) -> Runtime | None:
        assert self.containers.podman is not None
        if node.name in self.options.simulated:
            return None
        return self.containers.podman.runtime(node.name, index, emit)


async def _look_again() -> None:
    await asyncio.sleep(LOOK_SECONDS)
