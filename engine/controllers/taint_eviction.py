"""Evicts pods from nodes with NoExecute taints that they do not tolerate, or not for so long.

Source: tainteviction/taint_eviction.go, kubernetes v1.34.
"""

from collections.abc import Sequence
from typing import ClassVar

import attrs

from engine.api.codec import encode_part
from engine.api.container import Toleration
from engine.api.meta import Condition
from engine.api.node import Node, Taint
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import ConflictError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController
from engine.controllers.node_lifecycle import NODE_INDEX, index_pods_by_node
from engine.controllers.pod_state import is_terminal


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether one toleration covers one taint; an empty key or effect covers any."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in {"", "Equal"} and toleration.value == taint.value


def eviction_delay(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> float | None:
    """Seconds a pod may stay once it has NoExecute *taints*; None if for ever.

    A taint that nothing tolerates means at once. Otherwise the shortest tolerationSeconds of the
    tolerations in use counts; one without stays out of it.
    """
    used: list[Toleration] = []
    for taint in taints:
        covering = [toleration for toleration in tolerations if tolerates(toleration, taint)]
        if not covering:
            return 0.0
        used += covering
    limits = [max(0, t.toleration_seconds) for t in used if t.toleration_seconds is not None]
    return float(min(limits)) if limits else None


@attrs.define(eq=False)
class _Doomed:
    uid: str
    since: float


@attrs.define(eq=False)
class TaintEvictionController(QueueController):
    """Deletes pods when their toleration runs out; spares them if the taint goes before that."""

    QUEUE: ClassVar[str] = "taint-eviction"

    _nodes: Informer[Node] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _doomed: dict[str, _Doomed] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._nodes = self.informers.informer(Node)
        self._pods = self.informers.informer(Pod)
        index_pods_by_node(self._pods)
        self._nodes.add_handler(self._on_node)
        self._pods.add_handler(self._on_pod)

    def reconcile(self, key: str) -> Result | None:
        """Delete one pod, come back when it is time to, or let it be."""
        pod = self._pods.lister.by_key(key)
        if pod is None or is_terminal(pod) or pod.metadata.deletion_timestamp is not None:
            self._doomed.pop(key, None)
            return None
        node = self._nodes.lister.by_key(pod.spec.node_name)
        taints = no_execute_taints(node)
        delay = eviction_delay(taints, pod.spec.tolerations) if taints else None
        if delay is None:
            self._spare(key, pod)
            return None
        doomed = self._doomed.get(key)
        if doomed is None or doomed.uid != pod.metadata.uid:
            doomed = self._doomed[key] = _Doomed(pod.metadata.uid, self.loop.now)
        rest = doomed.since + delay - self.loop.now
        if rest > 0:
            return Result(requeue_after=rest)
        self._evict(pod)
        del self._doomed[key]
        return None

    def _evict(self, pod: Pod) -> None:
        meta = pod.metadata
        self.recorder.normal(pod, "TaintManagerEviction", f"Marking for deletion Pod {pod.key}")
        condition = Condition(
            type="DisruptionTarget",
            status="True",
            reason="DeletionByTaintManager",
            message="Taint manager: deleting due to NoExecute taint",
            last_transition_time=Time(self.loop.now),
        )
        try:
            self.client.patch(
                Pod,
                meta.name,
                {"status": {"conditions": [encode_part(condition)]}},
                namespace=meta.namespace,
                type="strategic",
                subresource="status",
            )
            self.client.delete(Pod, meta.name, namespace=meta.namespace, uid=meta.uid)
        except (NotFoundError, ConflictError):
            return

    def _spare(self, key: str, pod: Pod) -> None:
        if self._doomed.pop(key, None) is not None:
            self.recorder.normal(
                pod, "TaintManagerEviction", f"Cancelling deletion of Pod {pod.key}"
            )

    def _on_node(self, key: str, old: Node | None, new: Node | None) -> None:
        if no_execute_taints(old) != no_execute_taints(new):
            for pod in self._pods.indexer.by_index(NODE_INDEX, key):
                self.queue.add(pod.key)

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            self._doomed.pop(key, None)
            return
        if not new.spec.node_name:
            return
        is_new_here = old is None or old.spec.node_name != new.spec.node_name
        if is_new_here or old.spec.tolerations != new.spec.tolerations:  # type: ignore[union-attr]  # checked before
            node = self._nodes.lister.by_key(new.spec.node_name)
            if no_execute_taints(node):
                self.queue.add(key)


def no_execute_taints(node: Node | None) -> tuple[Taint, ...]:
    """The taints that drive pods away."""
    if node is None:
        return ()
    return tuple(taint for taint in node.spec.taints if taint.effect == "NoExecute")
