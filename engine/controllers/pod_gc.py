"""Removes pods that nobody else will: those of nodes that are gone, and too many finished ones.

Source: podgc/gc_controller.go, kubernetes v1.34.
"""

import attrs

from engine.api.codec import encode_part
from engine.api.meta import Condition, condition_of
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import ApiError, ConflictError, NotFoundError
from engine.client.client import Client
from engine.client.informer import Informer, InformerFactory
from engine.client.recorder import EventRecorder
from engine.client.workqueue import Result, WorkQueue
from engine.config import ControllerSettings
from engine.controllers.node_lifecycle import NODE_INDEX, index_pods_by_node
from engine.controllers.pod_state import is_terminal
from engine.kernel.loop import Loop, Timer

QUARANTINE = 40.0
"""Seconds for which a node must be missing before its pods are removed."""

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
PERIOD = 20.0
_FINISHED_INDEX = "finished"


def going_order(pod: Pod) -> tuple[bool, float, str]:
    """Sorts finished pods in the order in which they go: evicted ones first, then the oldest."""
    is_evicted = pod.status.phase == "Failed" and pod.status.reason == "Evicted"
    return (not is_evicted, pod.metadata.creation_timestamp or 0.0, pod.key)


@attrs.define(eq=False)
class PodGarbageCollector:
    """Force-deletes orphaned pods; the oldest finished pods go when there are too many."""

    loop: Loop
    client: Client
    informers: InformerFactory
    recorder: EventRecorder
    threshold: int = ControllerSettings().terminated_pod_gc_threshold
    queue: WorkQueue = attrs.field(init=False)
    _nodes: Informer[Node] = attrs.field(init=False)
    _pods: Informer[Pod] = attrs.field(init=False)
    _missing: dict[str, float] = attrs.field(factory=dict, init=False)
    _timer: Timer | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.queue = WorkQueue(self.loop, self.reconcile, name="pod-garbage-collector")
        self.queue.pause()
        self._nodes = self.informers.informer(Node)
        self._pods = self.informers.informer(Pod)
        index_pods_by_node(self._pods)
        self._pods.add_index(_FINISHED_INDEX, lambda pod: ("yes",) if is_terminal(pod) else ())
        self._nodes.add_handler(self._on_node)
        self._pods.add_handler(self._on_pod)

    def start(self) -> None:
        """Begin to collect."""
        self.queue.resume()
        if self._timer is None:
            self._timer = self.loop.call_later(PERIOD, self._collect_finished)

    def stop(self) -> None:
        """Collect nothing until started again."""
        self.queue.pause()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reconcile(self, key: str) -> Result | None:
        """Remove the pods of the node *key* if it has been gone for long enough."""
        if self._nodes.lister.by_key(key) is not None:
            self._missing.pop(key, None)
            return None
        pods = self._pods.indexer.by_index(NODE_INDEX, key)
        if not pods:
            self._missing.pop(key, None)
            return None
        rest = self._missing.setdefault(key, self.loop.now) + QUARANTINE - self.loop.now
        if rest > 0:
            return Result(requeue_after=rest)
        try:
            self.client.get(Node, key)
        except NotFoundError:
            for pod in pods:
                self._remove(pod, orphaned=True)
        return None

    def _remove(self, pod: Pod, *, orphaned: bool) -> None:
        meta = pod.metadata
        try:
            if not is_terminal(pod):
                # Its kubelet will not say any more how it ended; a Job wants to know.
                self.client.patch(
                    Pod,
                    meta.name,
                    {"status": self._ended(orphaned=orphaned)},
                    namespace=meta.namespace,
                    type="strategic",
                    subresource="status",
                )
            self.client.delete(
                Pod, meta.name, namespace=meta.namespace, uid=meta.uid, grace_period_seconds=0
            )
        except (NotFoundError, ConflictError):
            return

    def _ended(self, *, orphaned: bool) -> dict[str, object]:
        if not orphaned:
            return {"phase": "Failed"}
        condition = Condition(
            type="DisruptionTarget",
            status="True",
            reason="DeletionByPodGC",
            message="PodGC: node no longer exists",
            last_transition_time=Time(self.loop.now),
        )
        return {"phase": "Failed", "conditions": [encode_part(condition)]}

    def _collect_finished(self) -> None:
        self._timer = self.loop.call_later(PERIOD, self._collect_finished)
        self._collect_out_of_service()
        finished = self._pods.indexer.by_index(_FINISHED_INDEX, "yes")
        surplus = len(finished) - self.threshold
        if surplus <= 0:
            return
        for pod in sorted(finished, key=going_order)[:surplus]:
            try:
                self._remove(pod, orphaned=False)
            except ApiError:
                return

    def _collect_out_of_service(self) -> None:
        """Let go of pods that end on nodes of which a human says that they are off.

        Source: gcTerminating, pkg/controller/podgc, kubernetes v1.34.
        """
        for node in self._nodes.lister:
            ready = condition_of(node.status.conditions, "Ready")
            is_ready = ready is not None and ready.status == "True"
            if is_ready or not any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints):
                continue
            for pod in self._pods.indexer.by_index(NODE_INDEX, node.metadata.name):
                if pod.metadata.deletion_timestamp is not None:
                    try:
                        self._remove(pod, orphaned=False)
                    except ApiError:
                        return

    def _on_node(self, key: str, _old: Node | None, new: Node | None) -> None:
        if new is None or key in self._missing:
            self.queue.add(key)

    def _on_pod(self, key: str, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            return
        node_name = new.spec.node_name
        if not node_name:
            is_new = old is None or old.metadata.deletion_timestamp is None
            if is_new and new.metadata.deletion_timestamp is not None:
                # Nobody runs it, so nobody would end it.
                self.loop.call_soon(self._remove_unscheduled, key)
        elif (old is None or old.spec.node_name != node_name) and (
            self._nodes.lister.by_key(node_name) is None
        ):
            self.queue.add(node_name)

    def _remove_unscheduled(self, key: str) -> None:
        pod = self._pods.lister.by_key(key)
        if pod is not None and not pod.spec.node_name:
            try:
                self._remove(pod, orphaned=False)
            except ApiError:
                self.loop.call_later(PERIOD, self._remove_unscheduled, key)
