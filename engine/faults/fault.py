"""What a fault is: a lever pulled, and its inverse."""

from collections.abc import Callable, Mapping
from typing import Protocol

import attrs

from engine.api.kubarium import Fault
from engine.api.pod import Pod
from engine.client.client import Client
from engine.client.link import Link
from engine.cri.runtime import Runtime
from engine.errors import EngineError
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams

Recovery = Callable[[], None]
"""Undoes exactly what one fault did. Called once."""


class FaultError(EngineError):
    """A fault that cannot be injected: unknown type, no such target, a bad parameter."""


class Startable(Protocol):
    """A component that can be stopped and started again while the cluster runs."""

    def start(self) -> None:
        """Work from now on."""
        ...

    def stop(self) -> None:
        """Do nothing more until started again."""
        ...


class Switch(Protocol):
    """The API server, as far as a fault is concerned."""

    def set_up(self, *, is_up: bool) -> None:
        """Answer requests, or refuse them all and end every watch."""
        ...


@attrs.frozen(kw_only=True)
class NodeLevers:
    """What can be done to one node."""

    kubelet: Startable
    runtime: Runtime
    link: Link


@attrs.frozen(kw_only=True)
class Levers:
    """Everything a fault may pull. Nothing here writes API objects' status."""

    loop: Loop
    random: RandomStreams
    client: Client
    server: Switch
    nodes: Mapping[str, NodeLevers]
    links: Mapping[str, Link]
    components: Mapping[str, Startable]

    def node(self, name: str) -> NodeLevers:
        """The levers of a node.

        Raises:
            FaultError: there is no such node.
        """
        found = self.nodes.get(name)
        if found is None:
            msg = f'there is no node "{name}"; there are {", ".join(self.nodes)}'
            raise FaultError(msg)
        return found


@attrs.frozen(kw_only=True)
class Target:
    """What a fault's target came to when it was resolved."""

    nodes: tuple[str, ...] = ()
    pods: tuple[Pod, ...] = ()
    component: str = ""


FaultType = Callable[[Fault, Target, Levers], Recovery | None]
"""One kind of fault: pulls its lever and returns the inverse.

A fault that is over at once (a kill) returns None. It raises FaultError, before it has done
anything, when the target or a parameter is not usable.
"""
