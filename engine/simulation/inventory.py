"""The sandboxes and containers of one simulated node, found by id or by pod. Only state."""

from collections.abc import Iterator

import attrs

from engine.cri.runtime import RuntimeFailure
from engine.simulation.containers import SimulatedContainer, SimulatedSandbox


@attrs.define(eq=False)
class Inventory:
    """What is on the node called *node*, by id, in the order it was made."""

    node: str
    sandboxes: dict[str, SimulatedSandbox] = attrs.field(factory=dict, init=False)
    containers: dict[str, SimulatedContainer] = attrs.field(factory=dict, init=False)

    def add(self, sandbox: SimulatedSandbox, container: SimulatedContainer) -> None:
        """The container is in the sandbox from now on."""
        sandbox.containers[container.id] = self.containers[container.id] = container

    def discard(self, container: SimulatedContainer) -> None:
        """The container is gone."""
        self.containers.pop(container.id, None)
        sandbox = self.sandbox_of(container)
        if sandbox is not None:
            sandbox.containers.pop(container.id, None)

    def clear(self) -> None:
        """Everything is gone."""
        self.sandboxes.clear()
        self.containers.clear()

    def container(self, container_id: str) -> SimulatedContainer:
        """The container of that id, whether it runs or not.

        Raises:
            RuntimeFailure: there is no such container.
        """
        found = self.containers.get(container_id)
        if found is None:
            raise RuntimeFailure(f"no container {container_id[:12]!r} on node {self.node}")
        return found

    def running(self, container_id: str) -> SimulatedContainer | None:
        """The container of that id, if it runs."""
        found = self.containers.get(container_id)
        return found if found is not None and found.is_running else None

    def sandbox_of(self, container: SimulatedContainer) -> SimulatedSandbox | None:
        """Where the container is."""
        return self.sandboxes.get(container.command.sandbox_id)

    def of_pod(self, pod_uid: str) -> Iterator[SimulatedSandbox]:
        """The pod's sandboxes: one, or two while it gets another."""
        for sandbox in self.sandboxes.values():
            if sandbox.command.pod.uid == pod_uid:
                yield sandbox
