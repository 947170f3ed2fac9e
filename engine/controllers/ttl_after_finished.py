"""Deletes finished Jobs when their time to live is over.

Source: pkg/controller/ttlafterfinished/ttlafterfinished_controller.go, kubernetes v1.34.
"""

from typing import ClassVar

import attrs

from engine.api.batch import Job
from engine.apiserver.errors import ConflictError, NotFoundError
from engine.client.informer import Informer
from engine.client.workqueue import Result
from engine.controllers.controller import QueueController


def expires_at(job: Job) -> float | None:
    """When *job* may go: its time to live after it finished; None while it stays."""
    ttl = job.spec.ttl_seconds_after_finished
    if ttl is None or job.metadata.deletion_timestamp is not None:
        return None
    for condition in job.status.conditions:
        if condition.type in {"Complete", "Failed"} and condition.status == "True":
            finished = condition.last_transition_time
            return None if finished is None else finished + ttl
    return None


@attrs.define(eq=False)
class TtlAfterFinishedController(QueueController):
    """Deletes a Job and, before it, its pods."""

    QUEUE: ClassVar[str] = "ttl-after-finished"

    _jobs: Informer[Job] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._jobs = self.informers.informer(Job)
        self._jobs.add_handler(self._on_job)

    def reconcile(self, key: str) -> Result | None:
        """Delete one Job, or come back when it is time to."""
        job = self._jobs.lister.by_key(key)
        expires = expires_at(job) if job is not None else None
        if job is None or expires is None:
            return None
        if expires > self.loop.now:
            return Result(requeue_after=expires - self.loop.now)
        meta = job.metadata
        try:
            # The time to live may have been made longer since.
            latest = self.client.get(Job, meta.name, namespace=meta.namespace)
            expires = expires_at(latest)
            if expires is None or expires > self.loop.now:
                return None
            self.client.delete(
                Job,
                meta.name,
                namespace=meta.namespace,
                uid=meta.uid,
                propagation_policy="Foreground",
            )
        except (NotFoundError, ConflictError):
            return None
        return None

    def _on_job(self, key: str, _old: Job | None, new: Job | None) -> None:
        if new is not None and expires_at(new) is not None:
            self.queue.add(key)
