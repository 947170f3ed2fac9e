"""Shuts all nodes down in order, where their kubelets are told to.

Source: shutdownGracePeriod of the KubeletConfiguration; pkg/kubelet/nodeshutdown, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Protocol

from engine.kubelet.kubelet import Kubelet


class HasKubelet(Protocol):
    """A node."""

    @property
    def kubelet(self) -> Kubelet: ...  # noqa: D102


def shut_nodes_down(nodes: Mapping[str, HasKubelet]) -> dict[str, float]:
    """Begin to end all pods, ordinary ones first; nodes leave the answer when they are done.

    The answer has the nodes that are still at it, and how many seconds they have; none of them
    unless the kubelets' configuration gives pods time.
    """
    waiting = {name: node.kubelet.settings.shutdown_grace for name, node in nodes.items()}
    waiting = {name: seconds for name, seconds in waiting.items() if seconds}
    for name, seconds in tuple(waiting.items()):

        def done(name: str = name) -> None:
            waiting.pop(name, None)

        nodes[name].kubelet.shut_down(seconds, done)
    return waiting
