"""PodDisruptionBudget, PriorityClass, RuntimeClass, ResourceQuota and LimitRange.

Source: pkg/apis/{policy,scheduling,core}/v1/defaults.go, pkg/registry, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.quota import LimitRangeItem
from engine.api.scheduling import SYSTEM_CLASSES
from engine.apiserver.errors import Cause
from engine.apiserver.quota_validation import validate_limit_range, validate_quota
from engine.apiserver.resource_validation import quantity_causes
from engine.apiserver.selector_validation import validate_selector
from engine.apiserver.strategy import Strategy, WithoutGeneration, WithoutStatus
from engine.apiserver.validation import (
    forbidden,
    invalid,
    invalid_all,
    label_faults,
    one_of,
    unchanged,
    unsupported,
)
from engine.apiserver.workload_validation import validate_share

_HIGHEST_OF_USERS = 1_000_000_000


class BudgetStrategy(Strategy):
    """PodDisruptionBudgets."""

    def validate(self, obj: Any) -> list[Cause]:
        """Either a minimum or a maximum, as a number or a percentage."""
        spec = obj.spec
        causes: list[Cause] = []
        if spec.min_available is not None and spec.max_unavailable is not None:
            message = "minAvailable and maxUnavailable cannot be both set"
            causes.append(invalid("spec", spec, message))
        for field, value in (
            ("minAvailable", spec.min_available),
            ("maxUnavailable", spec.max_unavailable),
        ):
            causes += validate_share(value, f"spec.{field}", most=100)
        if spec.selector is not None:
            causes += validate_selector(spec.selector, "spec.selector")
        policy = spec.unhealthy_pod_eviction_policy
        allowed = ("AlwaysAllow", "IfHealthyBudget")
        if policy is not None and policy not in allowed:
            causes.append(unsupported("spec.unhealthyPodEvictionPolicy", policy, allowed))
        return causes


class PriorityClassStrategy(WithoutStatus):
    """PriorityClasses."""

    has_generation = True

    def default(self, obj: Any) -> Any:
        """Pods of the class may preempt lower ones."""
        return attrs.evolve(obj, preemption_policy=obj.preemption_policy or "PreemptLowerPriority")

    def validate(self, obj: Any) -> list[Cause]:
        """The highest values and the names that begin with system- are the cluster's own."""
        name = obj.metadata.name
        causes: list[Cause] = []
        if name.startswith("system-"):
            if SYSTEM_CLASSES.get(name) != obj.value:
                message = (
                    "priority class names with 'system-' prefix are reserved for system use only. "
                    f"error: {name} is not a known system priority class"
                )
                causes.append(forbidden("metadata.name", message))
        elif obj.value > _HIGHEST_OF_USERS:
            message = f"maximum allowed value of a user defined priority is {_HIGHEST_OF_USERS}"
            causes.append(forbidden("value", message))
        return causes + one_of(
            "preemptionPolicy", obj.preemption_policy, ("Never", "PreemptLowerPriority")
        )

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """Pods have taken the value over: it stays."""
        causes = unchanged("preemptionPolicy", new.preemption_policy, old.preemption_policy)
        if new.value != old.value:
            causes.append(forbidden("value", "may not be changed in an update."))
        return causes

    def changes_generation(self, new: Any, old: Any) -> bool:
        """Any change besides the metadata."""
        return bool(attrs.evolve(new, metadata=old.metadata) != old)


class RuntimeClassStrategy(WithoutStatus):
    """RuntimeClasses."""

    def validate(self, obj: Any) -> list[Cause]:
        """The handler is a name of the node's configuration."""
        causes = invalid_all("handler", obj.handler, label_faults(obj.handler))
        overhead = obj.overhead.pod_fixed if obj.overhead else {}
        for name, value in overhead.items():
            causes += quantity_causes(value, f"overhead.podFixed[{name}]")
        return causes

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The handler stays."""
        return unchanged("handler", new.handler, old.handler)


class QuotaStrategy(WithoutGeneration):
    """ResourceQuotas."""

    def validate(self, obj: Any) -> list[Cause]:
        """What can be bounded, by how much, and in which scopes."""
        return validate_quota(obj.spec)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """The scopes stay."""
        if set(new.spec.scopes) == set(old.spec.scopes):
            return []
        return [invalid("spec.scopes", new.spec.scopes, "field is immutable")]


class LimitRangeStrategy(WithoutStatus):
    """LimitRanges."""

    def default(self, obj: Any) -> Any:
        """Containers get their maximum as limit, and their limit or minimum as request."""
        limits = tuple([_filled(item) for item in obj.spec.limits])
        return attrs.evolve(obj, spec=attrs.evolve(obj.spec, limits=limits))

    def validate(self, obj: Any) -> list[Cause]:
        """Bounds and defaults that go together."""
        return validate_limit_range(obj.spec)


def _filled(item: LimitRangeItem) -> LimitRangeItem:
    if item.type != "Container":
        return item
    limits = {**item.max, **item.default}
    requests = {**item.min, **limits, **item.default_request}
    return attrs.evolve(
        item,
        default=item.default.with_items(limits),
        default_request=item.default_request.with_items(requests),
    )
