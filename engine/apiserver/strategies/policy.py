"""PodDisruptionBudget, PriorityClass, RuntimeClass, ResourceQuota and LimitRange.

Source: pkg/apis/{policy,scheduling,core}/v1/defaults.go, pkg/registry, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.quota import LimitRangeItem
from engine.apiserver.strategy import Strategy, WithoutGeneration, WithoutStatus


class BudgetStrategy(Strategy):
    """PodDisruptionBudgets."""


class PriorityClassStrategy(WithoutStatus):
    """PriorityClasses."""

    has_generation = True

    def default(self, obj: Any) -> Any:
        """Pods of the class may preempt lower ones."""
        return attrs.evolve(obj, preemption_policy=obj.preemption_policy or "PreemptLowerPriority")


class RuntimeClassStrategy(WithoutStatus):
    """RuntimeClasses."""


class QuotaStrategy(WithoutGeneration):
    """ResourceQuotas."""


class LimitRangeStrategy(WithoutStatus):
    """LimitRanges."""

    def default(self, obj: Any) -> Any:
        """Containers get their maximum as limit, and their limit or minimum as request."""
        limits = tuple([_filled(item) for item in obj.spec.limits])
        return attrs.evolve(obj, spec=attrs.evolve(obj.spec, limits=limits))


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
