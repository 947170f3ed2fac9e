"""Deployment and ReplicaSet."""

from typing import Any

import attrs

from engine.api.apps import RollingUpdateDeployment
from engine.apiserver.defaults import default_template
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import Strategy, Surroundings
from engine.apiserver.validation import at_least_zero, invalid, unchanged
from engine.apiserver.warnings import name_warnings, pod_warnings
from engine.apiserver.workload_validation import (
    validate_count,
    validate_long_running,
    validate_rollout,
    validate_workload_selector,
)

_MIN_READY = "minReadySeconds"


class ReplicaSetStrategy(Strategy):
    """ReplicaSets."""

    def default(self, obj: Any) -> Any:
        """One replica, and a template whose gaps are filled."""
        spec = obj.spec
        return attrs.evolve(
            obj,
            spec=attrs.evolve(
                spec,
                replicas=1 if spec.replicas is None else spec.replicas,
                template=default_template(spec.template),
            ),
        )

    def validate(self, obj: Any) -> list[Cause]:
        """Counts, selector and template."""
        spec = obj.spec
        return [
            *validate_count(spec.replicas or 0, "spec.replicas"),
            *validate_count(spec.min_ready_seconds, f"spec.{_MIN_READY}"),
            *validate_workload_selector(spec.selector, spec.template, "spec"),
            *validate_long_running(spec.template, "spec.template", kind=obj.KIND),
        ]

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of a new template."""
        template = new.spec.template
        named = name_warnings(new.metadata.name) if old is None else []
        if old is not None and old.spec.template == template:
            return named
        return named + pod_warnings(template.metadata, template.spec, "spec.template.spec")

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The selector stays: pods are found by it."""
        return unchanged("spec.selector", new.spec.selector, old.spec.selector)


class DeploymentStrategy(ReplicaSetStrategy):
    """Deployments."""

    def default(self, obj: Any) -> Any:
        """A rolling update by quarters, ten revisions, ten minutes to make progress."""
        obj = super().default(obj)
        spec = obj.spec
        rollout = spec.strategy
        if not rollout.type:
            rollout = attrs.evolve(rollout, type="RollingUpdate")
        if rollout.type == "RollingUpdate":
            given = rollout.rolling_update or RollingUpdateDeployment()
            surge, unavailable = given.max_surge, given.max_unavailable
            given = attrs.evolve(
                given,
                max_surge="25%" if surge is None else surge,
                max_unavailable="25%" if unavailable is None else unavailable,
            )
            rollout = attrs.evolve(rollout, rolling_update=given)
        history, deadline = spec.revision_history_limit, spec.progress_deadline_seconds
        return attrs.evolve(
            obj,
            spec=attrs.evolve(
                spec,
                strategy=rollout,
                revision_history_limit=10 if history is None else history,
                progress_deadline_seconds=600 if deadline is None else deadline,
            ),
        )

    def validate(self, obj: Any) -> list[Cause]:
        """Also how it is rolled out."""
        spec = obj.spec
        causes = [*super().validate(obj), *validate_rollout(spec.strategy, "spec.strategy")]
        causes += at_least_zero("spec.revisionHistoryLimit", spec.revision_history_limit)
        if spec.progress_deadline_seconds <= spec.min_ready_seconds:
            message = "must be greater than minReadySeconds"
            field = "spec.progressDeadlineSeconds"
            causes.append(invalid(field, spec.progress_deadline_seconds, message))
        return causes

    def prepare_for_status_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """The labels stay."""
        labels = attrs.evolve(new.metadata, labels=old.metadata.labels)
        return super().prepare_for_status_update(attrs.evolve(new, metadata=labels), old, around)

    def changes_generation(self, new: Any, old: Any) -> bool:
        """Annotations count too: the controller copies them to replica sets."""
        return bool(new.spec != old.spec or new.metadata.annotations != old.metadata.annotations)
