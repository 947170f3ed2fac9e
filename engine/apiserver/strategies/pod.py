"""Pod: pending at first, ends gracefully, and its spec hardly changes."""

from typing import Any

from engine.api.evolution import evolve
from engine.api.meta import Condition
from engine.api.pod import Pod, PodStatus
from engine.api.qos import qos_class
from engine.api.wire import Time
from engine.apiserver.defaults import default_pod
from engine.apiserver.disabled_fields import without_disabled
from engine.apiserver.errors import Cause
from engine.apiserver.pod_validation import validate_pod_spec, validate_pod_update
from engine.apiserver.request import DeleteOptions
from engine.apiserver.strategy import Strategy, Surroundings, without_spec_changes
from engine.apiserver.warnings import pod_warnings

_FINISHED = ("Succeeded", "Failed")


class PodStrategy(Strategy):
    """Pods."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Pending, with the class of service its requests and limits give it."""
        conditions = (_gated(around.now),) if obj.spec.scheduling_gates else ()
        status = PodStatus(phase="Pending", conditions=conditions)
        return evolve(without_disabled(obj), status=status)

    def prepare_for_status_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """Status, labels and annotations; the class of service stays."""
        del around
        status = new.status
        if not status.qos_class:
            status = evolve(status, qos_class=old.status.qos_class)
        return without_spec_changes(evolve(new, status=status), old)

    def default(self, obj: Any) -> Any:
        """What a pod may leave away."""
        pod = default_pod(obj)
        if pod.status.qos_class:
            return pod
        return evolve(pod, status=evolve(pod.status, qos_class=qos_class(pod.spec)))

    def validate(self, obj: Any) -> list[Cause]:
        """The pod spec."""
        return validate_pod_spec(obj.spec, "spec")

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """Only images, deadlines, tolerations and grace may change."""
        return validate_pod_update(new, old)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of a new pod: its spec does not change much after that."""
        return pod_warnings(new.metadata, new.spec, "spec") if old is None else []

    def allocate(self, obj: Any, old: Any | None, around: Surroundings) -> Any:
        """The class of service by what the pod asks for in the end."""
        del around
        if old is not None:
            return obj
        quality = qos_class(obj.spec)
        if quality == obj.status.qos_class:
            return obj
        return evolve(obj, status=evolve(obj.status, qos_class=quality))

    def grace_period(self, obj: Pod, options: DeleteOptions) -> int | None:
        """What is asked for, else what the spec says; none at all for what does not run."""
        if not obj.spec.node_name or obj.status.phase in _FINISHED:
            return 0
        wanted = options.grace_period_seconds
        if wanted is None:
            wanted = obj.spec.termination_grace_period_seconds
        if wanted is None:
            return 30
        return 1 if wanted < 0 else wanted


def _gated(now: Time) -> Condition:
    """What a pod with scheduling gates says from the start.

    Source: applySchedulingGatedCondition, pkg/registry/core/pod, kubernetes v1.34.
    """
    return Condition(
        type="PodScheduled",
        status="False",
        reason="SchedulingGated",
        message="Scheduling is blocked due to non-empty scheduling gates",
        last_transition_time=now,
    )
