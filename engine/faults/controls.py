"""Everyday faults as plain calls, for keys and scenarios: each makes or deletes a Fault object."""

from typing import Protocol, TypeVar

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.api.kubarium import Fault, FaultSpec, FaultTarget
from engine.api.meta import ApiObject, ObjectMeta
from engine.api.wire import Json
from engine.apiserver.errors import NotFoundError

T = TypeVar("T", bound=ApiObject)


class FaultClient(Protocol):
    """The verbs needed here."""

    def create(self, obj: T) -> T:
        """Store *obj*."""
        ...

    def delete(self, cls: type[T], name: str) -> object:
        """Delete the object of that name."""
        ...


def make_fault(
    name: str,
    type_: str,
    target: FaultTarget,
    *,
    params: FrozenDict[str, Json] = EMPTY,
    duration: float | None = None,
) -> Fault:
    """A Fault; a *name* that ends in ``-`` is completed by the API server."""
    meta = ObjectMeta(generate_name=name) if name.endswith("-") else ObjectMeta(name=name)
    spec = FaultSpec(type=type_, target=target, params=params, duration_seconds=duration)
    return Fault(metadata=meta, spec=spec)


@attrs.frozen(eq=False)
class Controls:
    """Break and mend by name. Each may raise ApiError (a fault of that name is active already)."""

    client: FaultClient

    def crash_node(self, name: str) -> None:
        """Cut the node's power until `restore_node`."""
        self.client.create(make_fault(f"crash-{name}", "node.crash", FaultTarget(nodes=(name,))))

    def restore_node(self, name: str) -> None:
        """Undo `crash_node`; nothing happens if it was not crashed."""
        self._delete(f"crash-{name}")

    def partition_node(self, name: str) -> None:
        """Cut the node off from the control plane until `heal_node`."""
        self.client.create(
            make_fault(f"partition-{name}", "node.partition", FaultTarget(nodes=(name,)))
        )

    def heal_node(self, name: str) -> None:
        """Undo `partition_node`; nothing happens if it was not cut off."""
        self._delete(f"partition-{name}")

    def kill_pod(self, namespace: str, name: str) -> None:
        """Delete a pod without grace."""
        self.client.create(
            make_fault("kill-pod-", "pod.kill", FaultTarget(namespace=namespace, pods=(name,)))
        )

    def kill_containers(self, namespace: str, name: str) -> None:
        """Kill the processes of a pod; its kubelet starts them again."""
        self.client.create(
            make_fault(
                "kill-containers-",
                "container.kill",
                FaultTarget(namespace=namespace, pods=(name,)),
            )
        )

    def _delete(self, name: str) -> None:
        try:
            self.client.delete(Fault, name)
        except NotFoundError:
            return
