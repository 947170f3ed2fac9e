"""The components of the control plane: what stopping each means, and where they are shown."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from engine.faults.component_pods import (
    APISERVER,
    DNS,
    ETCD,
    MANAGER,
    PROXY,
    SCHEDULER,
    component_pods,
)
from engine.faults.component_runtime import ComponentRuntime, Stop
from engine.faults.control_plane import hold_apiserver
from engine.faults.fault import Levers, Recovery, Startable
from engine.faults.gate import RuntimeGate
from engine.faults.node import hold_proxy
from engine.kubelet.kubelet import Kubelet
from engine.proxy.proxier import NodeProxy, Proxier
from engine.store.kv import Change
from engine.telemetry.trace import Origin

_ACTORS = {"scheduler": SCHEDULER, "kube-scheduler": SCHEDULER}


@attrs.define(eq=False)
class Components:
    """Which components are stopped, and their pods.

    *stopped* has the names of those that do not work now.
    """

    levers: Levers
    leaders: Mapping[str, Startable]
    proxier: Proxier
    stopped: dict[str, int] = attrs.field(factory=dict, init=False)
    _runtimes: dict[str, ComponentRuntime] = attrs.field(factory=dict, init=False)
    _writers: dict[str, tuple[ComponentRuntime, ...]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        levers = self.levers
        levers.proxies.update({node: NodeProxy(self.proxier, node) for node in levers.nodes})

    def place(self, nodes: Mapping[str, tuple[RuntimeGate, Kubelet, bool]]) -> None:
        """Show the components as static pods of the nodes, before the kubelets start."""
        for name, (gate, kubelet, is_control_plane) in nodes.items():
            pods = component_pods(name, is_control_plane=is_control_plane)
            stops: dict[str, Stop] = {
                component: partial(self.stop, component, node=name)
                for component in (ETCD, APISERVER, MANAGER, SCHEDULER, DNS, PROXY)
            }
            gate.components = self._runtimes[name] = ComponentRuntime(
                loop=self.levers.loop, node=name, stops=stops, emit=gate.emit, pods=pods
            )
            kubelet.own_pods = pods
        # Most nodes have none of those that keep a log, and every change of the store is one.
        self._writers = {
            name: tuple(one for one in self._runtimes.values() if one.has_component(name))
            for name in (ETCD, APISERVER, MANAGER, SCHEDULER)
        }

    def stop(self, component: str, *, node: str = "") -> Recovery:
        """Stop a component (the one of *node*); what is returned starts it again."""
        recovery = self._stop(component, node)
        self.stopped[component] = self.stopped.get(component, 0) + 1

        def start() -> None:
            self.stopped[component] -= 1
            if not self.stopped[component]:
                del self.stopped[component]
            recovery()

        return start

    def is_up(self, component: str) -> bool:
        """Whether it works, on all nodes that have one."""
        return component not in self.stopped

    def on_change(self, change: Change[Any]) -> None:
        """Write the log of the component that did it, and of the store."""
        if not self._runtimes:
            return
        origin = change.origin
        actor = origin.actor if isinstance(origin, Origin) else ""
        key = change.kv.key.decode(errors="replace").removeprefix("/registry/")
        component = _ACTORS.get(actor) or (MANAGER if actor.endswith("-controller") else APISERVER)
        cause = f" cause={origin.cause}" if isinstance(origin, Origin) and origin.cause else ""
        line = f"{change.type} {key} revision={change.revision}{cause}"
        if component == APISERVER:
            line += f" by={actor or 'unknown'}"
        for runtime in self._writers[component]:
            runtime.note(component, line)
        for runtime in self._writers[ETCD]:
            runtime.note(ETCD, f"applied {change.type} {key} revision={change.revision}")

    def _stop(self, component: str, node: str) -> Recovery:
        levers = self.levers
        if component in (ETCD, APISERVER):
            return hold_apiserver(levers)
        if component in (MANAGER, SCHEDULER):
            leader = self.leaders[component]
            return levers.hold(f"leader/{component}", leader.stop, leader.start)
        if component == PROXY:
            return hold_proxy(node, levers)
        return _nothing


def _nothing() -> None:
    """DNS asks `Components.is_up` before each answer."""
