"""Pods for which room is being made on a node: they count there for pods that matter no more.

Source: backend/queue/nominator.go, kubernetes v1.34.
"""

import attrs

from engine.scheduler.pod_info import PodInfo


@attrs.define(eq=False)
class Nominator:
    """Nominated pods by the name of their node."""

    _by_node: dict[str, dict[str, PodInfo]] = attrs.field(factory=dict, init=False)
    _node_of: dict[str, str] = attrs.field(factory=dict, init=False)

    def put(self, info: PodInfo, node_name: str) -> None:
        """Nominate a pod for a node; an earlier nomination ends."""
        self.forget(info.key)
        if node_name:
            self._node_of[info.key] = node_name
            self._by_node.setdefault(node_name, {})[info.key] = info

    def forget(self, key: str) -> None:
        """End the nomination of a pod."""
        node_name = self._node_of.pop(key, None)
        if node_name is not None:
            del self._by_node[node_name][key]
            if not self._by_node[node_name]:
                del self._by_node[node_name]

    def node_of(self, key: str) -> str:
        """The node that a pod is nominated for, or ""."""
        return self._node_of.get(key, "")

    def nodes(self) -> tuple[str, ...]:
        """The nodes that pods are nominated for."""
        return tuple(self._by_node)

    def rivals(self, info: PodInfo, node_name: str) -> tuple[PodInfo, ...]:
        """Pods nominated for a node that come before *info*: of its priority or a higher one."""
        return tuple(
            other
            for other in self._by_node.get(node_name, {}).values()
            if other.priority >= info.priority and other.uid != info.uid
        )

    def lesser(self, info: PodInfo, node_name: str) -> tuple[PodInfo, ...]:
        """Pods of a lower priority than *info* that are nominated for a node."""
        return tuple(
            other
            for other in self._by_node.get(node_name, {}).values()
            if other.priority < info.priority
        )
