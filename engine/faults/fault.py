"""What a fault is: a lever pulled, and its inverse."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Protocol

import attrs

from engine.api.fault_catalogue import CATALOGUE
from engine.api.fault_kind import Value, read_parameters
from engine.api.kubarium import Fault
from engine.api.pod import Pod
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.link import Link
from engine.errors import EngineError
from engine.faults.gate import RuntimeGate
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import WriteStage

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


class NodeAgent(Startable, Protocol):
    """A kubelet, as far as a fault is concerned."""

    def set_pressure(self, resource: str, *, is_short: bool) -> None:
        """Measure too little of memory, disk or pid, or enough again."""
        ...

    def shut_down(self, seconds: float, done: Callable[[], None]) -> None:
        """End all pods within so many seconds, take no new ones, then call *done*."""
        ...

    def set_clock_offset(self, seconds: float) -> None:
        """Let its clock be so far ahead."""
        ...


class Switch(Protocol):
    """The API server, as far as a fault is concerned."""

    latency: float
    clock_offset: float
    refusals: dict[str, Callable[[str], ApiError | None]]

    def set_up(self, *, is_up: bool) -> None:
        """Answer requests, or refuse them all and end every watch."""
        ...

    @property
    def watching(self) -> list[str]:
        """The names of those who watch something."""
        ...

    def drop_watches(self, name: str = "") -> int:
        """End the watches of a component, or of all; how many there were."""
        ...


class StorageApi(Protocol):
    """The storage of the cluster, as far as a fault is concerned.

    *outages* are drivers that refuse everything, with what they say; *delays* by the fault's uid:
    a driver, and how many seconds longer everything takes with it.
    """

    outages: dict[str, str]
    delays: dict[str, tuple[str, float]]


class Disk(Protocol):
    """The store, as far as a fault is concerned."""

    write_latency: float
    on_write: Callable[[WriteStage], object] | None

    @property
    def alarm(self) -> str | None:
        """Why it takes no writes."""
        ...

    @property
    def revision(self) -> int:
        """The newest revision."""
        ...

    @property
    def compact_revision(self) -> int:
        """The oldest revision that can be read."""
        ...

    def compact(self, revision: int) -> None:
        """Forget what was superseded before *revision*."""
        ...

    def set_alarm(self, alarm: str | None) -> None:
        """Refuse writes, or take them again."""
        ...

    def crash(self) -> None:
        """Take no writes and close the log."""
        ...

    def recover(self) -> None:
        """Open the log again and begin anew with what it has kept."""
        ...


@attrs.frozen(kw_only=True)
class NodeLevers:
    """What can be done to one node."""

    kubelet: NodeAgent
    runtime: RuntimeGate
    link: Link
    address: str = ""
    pod_cidr: str = ""


@attrs.frozen(kw_only=True)
class Levers:
    """Everything a fault may pull. Nothing here writes API objects' status.

    *components* can be stopped, *leaders* lose their Lease, both by name; *proxies* are the
    service proxies by node. *valid* is from when to when the API server's certificate counts.
    """

    loop: Loop
    random: RandomStreams
    client: Client
    server: Switch
    store: Disk
    nodes: Mapping[str, NodeLevers]
    links: Mapping[str, Link]
    components: Mapping[str, Startable]
    leaders: Mapping[str, Startable] = attrs.field(factory=dict)
    proxies: dict[str, Startable] = attrs.field(factory=dict)
    valid: tuple[float, float] = (0.0, inf)
    storage: StorageApi | None = None
    notes: dict[str, str] = attrs.field(factory=dict)
    counts: dict[str, int] = attrs.field(factory=dict)

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

    def hold(self, name: str, pull: Recovery, release: Recovery) -> Recovery:
        """Pull a lever that several faults may pull: the first pulls it, the last lets go."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.counts[name] == 1:
            pull()

        def let_go() -> None:
            self.counts[name] -= 1
            if self.counts[name] == 0:
                release()

        return let_go


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


def settings(fault: Fault) -> dict[str, Value]:
    """The fault's parameters, with defaults for those that are not given.

    Raises:
        FaultError: one is not what it must be.
    """
    try:
        return read_parameters(CATALOGUE[fault.spec.type], fault.spec.params)
    except ValueError as error:
        raise FaultError(f"params: {error}") from error


def undo_all(recoveries: list[Recovery]) -> Recovery:
    """One inverse for several: the last done is undone first."""

    def undo() -> None:
        while recoveries:
            recoveries.pop()()

    return undo
