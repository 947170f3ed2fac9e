"""StatefulSet, DaemonSet, ReplicationController, PodTemplate and ControllerRevision.

Source: pkg/apis/apps/v1/defaults.go, pkg/registry/apps and pkg/registry/core, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.persistent import PersistentVolumeClaim
from engine.api.stateful import (
    RollingUpdateDaemonSet,
    RollingUpdateStatefulSetStrategy,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
)
from engine.apiserver.defaults import default_template
from engine.apiserver.errors import Cause
from engine.apiserver.pod_validation import validate_template
from engine.apiserver.strategies.persistent import default_claim
from engine.apiserver.strategy import Strategy, Surroundings, WithoutStatus
from engine.apiserver.validation import at_least_zero, required, unchanged
from engine.apiserver.warnings import pod_warnings
from engine.apiserver.workload_validation import (
    validate_daemon_set,
    validate_replication_controller,
    validate_stateful_set,
    validate_stateful_set_update,
)

_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


class StatefulSetStrategy(Strategy):
    """StatefulSets."""

    def default(self, obj: Any) -> Any:
        """One replica, one after the other, claims kept, ten revisions."""
        spec = obj.spec
        update = spec.update_strategy
        if not update.type:
            update = attrs.evolve(update, type="RollingUpdate")
        if update.type == "RollingUpdate":
            rolling = update.rolling_update or RollingUpdateStatefulSetStrategy()
            if rolling.partition is None:
                rolling = attrs.evolve(rolling, partition=0)
            update = attrs.evolve(update, rolling_update=rolling)
        retention = (
            spec.persistent_volume_claim_retention_policy
            or StatefulSetPersistentVolumeClaimRetentionPolicy()
        )
        history = spec.revision_history_limit
        spec = attrs.evolve(
            spec,
            replicas=1 if spec.replicas is None else spec.replicas,
            pod_management_policy=spec.pod_management_policy or "OrderedReady",
            update_strategy=update,
            revision_history_limit=10 if history is None else history,
            persistent_volume_claim_retention_policy=attrs.evolve(
                retention,
                when_deleted=retention.when_deleted or "Retain",
                when_scaled=retention.when_scaled or "Retain",
            ),
            template=default_template(spec.template),
            volume_claim_templates=tuple(
                [_default_claim_template(claim) for claim in spec.volume_claim_templates]
            ),
        )
        return attrs.evolve(obj, spec=spec)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of a new template."""
        template = new.spec.template
        if old is not None and old.spec.template == template:
            return []
        return pod_warnings(template.metadata, template.spec, "spec.template.spec")

    def validate(self, obj: Any) -> list[Cause]:
        """Counts, selector, claims and template."""
        return validate_stateful_set(obj.spec)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The pods' identity stays."""
        return validate_stateful_set_update(new.spec, old.spec)


class DaemonSetStrategy(Strategy):
    """DaemonSets."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Its template is the first."""
        return _with_template_generation(super().prepare_for_create(obj, around), 1)

    def prepare_for_update(self, new: Any, old: Any, around: Surroundings) -> Any:
        """The template is counted."""
        new = super().prepare_for_update(new, old, around)
        count = int(old.metadata.annotations.get(_TEMPLATE_GENERATION, "1"))
        is_changed = default_template(new.spec.template) != old.spec.template
        return _with_template_generation(new, count + is_changed)

    def default(self, obj: Any) -> Any:
        """One node after the other, ten revisions."""
        spec = obj.spec
        update = spec.update_strategy
        if not update.type:
            update = attrs.evolve(update, type="RollingUpdate")
        if update.type == "RollingUpdate":
            rolling = update.rolling_update or RollingUpdateDaemonSet()
            surge, unavailable = rolling.max_surge, rolling.max_unavailable
            rolling = attrs.evolve(
                rolling,
                max_unavailable=1 if unavailable is None else unavailable,
                max_surge=0 if surge is None else surge,
            )
            update = attrs.evolve(update, rolling_update=rolling)
        history = spec.revision_history_limit
        spec = attrs.evolve(
            spec,
            update_strategy=update,
            revision_history_limit=10 if history is None else history,
            template=default_template(spec.template),
        )
        return attrs.evolve(obj, spec=spec)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of a new template."""
        template = new.spec.template
        if old is not None and old.spec.template == template:
            return []
        return pod_warnings(template.metadata, template.spec, "spec.template.spec")

    def validate(self, obj: Any) -> list[Cause]:
        """Selector, template, and how it is updated."""
        return validate_daemon_set(obj.spec)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The selector stays."""
        return unchanged("spec.selector", new.spec.selector, old.spec.selector)


class ReplicationControllerStrategy(Strategy):
    """ReplicationControllers."""

    def default(self, obj: Any) -> Any:
        """One replica; the template's labels select and label, if nothing else is said."""
        spec, meta = obj.spec, obj.metadata
        template = spec.template
        if template is not None:
            template = default_template(template)
            labels = template.metadata.labels
            if labels and not spec.selector:
                spec = attrs.evolve(spec, selector=labels)
            if labels and not meta.labels:
                meta = attrs.evolve(meta, labels=labels)
        replicas = 1 if spec.replicas is None else spec.replicas
        spec = attrs.evolve(spec, replicas=replicas, template=template)
        return attrs.evolve(obj, metadata=meta, spec=spec)

    def validate(self, obj: Any) -> list[Cause]:
        """Counts, selector and template."""
        return validate_replication_controller(obj.spec)


class PodTemplateStrategy(WithoutStatus):
    """PodTemplates."""

    has_generation = True

    def default(self, obj: Any) -> Any:
        """The template's gaps filled."""
        return attrs.evolve(obj, template=default_template(obj.template))

    def validate(self, obj: Any) -> list[Cause]:
        """The template."""
        return validate_template(obj.template, "template")

    def changes_generation(self, new: Any, old: Any) -> bool:
        """The template is what counts."""
        return bool(new.template != old.template)


class ControllerRevisionStrategy(WithoutStatus):
    """ControllerRevisions."""

    def validate(self, obj: Any) -> list[Cause]:
        """Numbered, with something in it."""
        causes = at_least_zero("revision", obj.number)
        return causes if obj.data else [*causes, required("data", "data is mandatory")]

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What was stays what it was; only its number may change."""
        return unchanged("data", new.data, old.data)


def _with_template_generation(obj: Any, count: int) -> Any:
    annotations = obj.metadata.annotations.with_items({_TEMPLATE_GENERATION: str(count)})
    return attrs.evolve(obj, metadata=attrs.evolve(obj.metadata, annotations=annotations))


def _default_claim_template(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    claim = default_claim(claim)
    return attrs.evolve(claim, status=attrs.evolve(claim.status, phase="Pending"))
