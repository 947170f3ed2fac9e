"""Says what came of an attempt: conditions and nominations of pods, Events, victims' ends.

Source: schedule_one.go handleSchedulingFailure, preemption.go prepareCandidate, kubernetes v1.34.
"""

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from engine.api.codec import encode_part
from engine.api.meta import Condition, condition_of
from engine.api.pod import Pod
from engine.api.wire import Time
from engine.apiserver.errors import ApiError
from engine.client.client import Client
from engine.client.recorder import EventRecorder
from engine.kernel.loop import Loop
from engine.scheduler.pod_info import PodInfo


@attrs.define(eq=False, repr=False)
class Reporter:
    """Writes for the scheduler. What cannot be written is said again at the next attempt."""

    loop: Loop
    client: Client
    recorder_for: Callable[[str], EventRecorder]

    def scheduled(self, pod: Pod, profile: str, node_name: str) -> None:
        """The pod has its node."""
        self.recorder_for(profile).normal(
            pod, "Scheduled", f"Successfully assigned {pod.key} to {node_name}"
        )

    def failed(
        self,
        pod: Pod,
        profile: str,
        message: str,
        *,
        reason: str = "Unschedulable",
        nominee: str | None = None,
    ) -> None:
        """The pod has no node; *nominee* is where it is nominated now, None for as before."""
        self.recorder_for(profile).warning(pod, "FailedScheduling", message)
        status: dict[str, Any] = {}
        known = condition_of(pod.status.conditions, "PodScheduled")
        if known is None or (known.status, known.reason, known.message) != (
            "False",
            reason,
            message,
        ):
            now = Time(float(int(self.loop.now)))
            since = known.last_transition_time if known and known.status == "False" else now
            condition = Condition(
                type="PodScheduled",
                status="False",
                reason=reason,
                message=message,
                last_transition_time=since,
                observed_generation=pod.metadata.generation,
            )
            status["conditions"] = [encode_part(condition)]
        if nominee is not None and nominee != pod.status.nominated_node_name:
            status["nominatedNodeName"] = nominee or None
        if status:
            self._patch_status(pod, status)

    def unnominate(self, pods: Sequence[PodInfo]) -> None:
        """The room made for these pods is another's now."""
        for info in pods:
            self._patch_status(info.pod, {"nominatedNodeName": None})

    def preempt(self, info: PodInfo, victims: Sequence[PodInfo], profile: str, node: str) -> None:
        """Have *victims* go to make room for a pod.

        Raises:
            ApiError: one of them could not be deleted.
        """
        for victim in victims:
            pod = victim.pod
            condition = Condition(
                type="DisruptionTarget",
                status="True",
                reason="PreemptionByScheduler",
                message=f"{profile}: preempting to accommodate a higher priority pod",
                last_transition_time=Time(float(int(self.loop.now))),
            )
            self._patch_status(pod, {"conditions": [encode_part(condition)]})
            self.client.delete(
                Pod,
                pod.metadata.name,
                namespace=pod.metadata.namespace,
                uid=pod.metadata.uid,
            )
            self.recorder_for(profile).normal(
                pod, "Preempted", f"Preempted by pod {info.uid} on node {node}"
            )

    def _patch_status(self, pod: Pod, status: dict[str, Any]) -> None:
        try:
            self.client.patch(
                Pod,
                pod.metadata.name,
                {"status": status},
                namespace=pod.metadata.namespace,
                type="strategic",
                subresource="status",
            )
        except ApiError:
            return
