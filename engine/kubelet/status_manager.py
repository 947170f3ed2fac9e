"""Writes pod statuses: only those that changed, one writer for all of a node's pods.

Source: kubelet status/status_manager.go, kubernetes v1.34.
"""

from collections.abc import Callable

import attrs

from engine.api.evolution import evolve
from engine.api.pod import Pod, PodStatus
from engine.apiserver.errors import NotFoundError
from engine.client.client import Client
from engine.client.workqueue import WorkQueue
from engine.kernel.backoff import Backoff
from engine.kernel.loop import Loop

Compute = Callable[[Pod], PodStatus | None]
"""The status that a pod should have, given its object; None if that is not for us to say."""


@attrs.define(eq=False)
class StatusManager:
    """Keeps the statuses in the API equal to what *compute* says.

    *pod_of* gives the newest object of a uid that the cache has; *target_of* the object that takes
    a pod's status, which for a static pod is its mirror.
    """

    loop: Loop
    client: Client
    pod_of: Callable[[str], Pod | None]
    compute: Compute
    target_of: Callable[[Pod], Pod | None] = lambda pod: pod
    _written: dict[str, Pod] = attrs.field(factory=dict, init=False)
    _queue: WorkQueue = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._queue = WorkQueue(
            self.loop, self._reconcile, name="status", backoff=Backoff(base=0.01, cap=5.0)
        )

    def look_at(self, uid: str, *, delay: float = 0.0) -> None:
        """The status of that pod may have to change; write it within *delay* seconds."""
        self._queue.add_after(uid, delay)

    def is_echo(self, pod: Pod) -> bool:
        """Whether *pod* is just what we wrote last."""
        written = self._written.get(pod.metadata.uid)
        return written is not None and written.revision == pod.revision

    def write(self, uid: str) -> None:
        """Write the status of that pod now, if it has to change.

        Raises:
            ApiError: it could not be written.
        """
        pod = self.newest(uid)
        target = None if pod is None else self.target_of(pod)
        if pod is None or target is None:
            return
        if target is not pod:
            meta = evolve(pod.metadata, generation=target.metadata.generation)
            pod = evolve(pod, metadata=meta, status=target.status)
        status = self.compute(pod)
        if status is None or status == target.status:
            return
        try:
            written = self.client.update_status(evolve(target, status=status))
        except NotFoundError:
            self._written.pop(uid, None)
            return
        if written.metadata.uid == uid:
            self._written[uid] = written

    def newest(self, uid: str) -> Pod | None:
        """The newest object of that pod that we have seen."""
        pod = self.pod_of(uid)
        written = self._written.get(uid)
        if pod is not None and written is not None and written.revision > pod.revision:
            return written
        return pod

    def forget(self, uid: str) -> None:
        """That pod is gone."""
        self._written.pop(uid, None)

    def stop(self) -> None:
        """Write nothing any more."""
        self._queue.shut_down()

    def _reconcile(self, uid: str) -> None:
        self.write(uid)
