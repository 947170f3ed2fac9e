"""HorizontalPodAutoscaler.

Source: pkg/apis/autoscaling/v2/defaults.go, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.autoscaling_v2 import (
    HorizontalPodAutoscalerBehavior,
    HPAScalingPolicy,
    HPAScalingRules,
    MetricSource,
    MetricSpec,
    MetricTarget,
)
from engine.apiserver.autoscaling_validation import validate_autoscaler
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import WithoutGeneration

_CPU = MetricSpec(
    type="Resource",
    resource=MetricSource(
        name="cpu", target=MetricTarget(type="Utilization", average_utilization=80)
    ),
)
_UP = HPAScalingRules(
    stabilization_window_seconds=0,
    select_policy="Max",
    policies=(
        HPAScalingPolicy(type="Pods", value=4, period_seconds=15),
        HPAScalingPolicy(type="Percent", value=100, period_seconds=15),
    ),
)
_DOWN = HPAScalingRules(
    select_policy="Max", policies=(HPAScalingPolicy(type="Percent", value=100, period_seconds=15),)
)


class AutoscalerStrategy(WithoutGeneration):
    """HorizontalPodAutoscalers."""

    def default(self, obj: Any) -> Any:
        """From one replica on, at 80 % of the requested CPU."""
        spec = obj.spec
        behavior = spec.behavior
        if behavior is not None:
            behavior = HorizontalPodAutoscalerBehavior(
                scale_up=_rules(behavior.scale_up, _UP),
                scale_down=_rules(behavior.scale_down, _DOWN),
                extra=behavior.extra,
            )
        spec = attrs.evolve(
            spec,
            min_replicas=1 if spec.min_replicas is None else spec.min_replicas,
            metrics=spec.metrics or (_CPU,),
            behavior=behavior,
        )
        return attrs.evolve(obj, spec=spec)

    def validate(self, obj: Any) -> list[Cause]:
        """Target, bounds, metrics and how fast."""
        return validate_autoscaler(obj.spec)


def _rules(given: HPAScalingRules | None, default: HPAScalingRules) -> HPAScalingRules:
    """*given*, with the *default* for what it leaves away."""
    if given is None:
        return default
    window = given.stabilization_window_seconds
    return attrs.evolve(
        given,
        stabilization_window_seconds=(
            default.stabilization_window_seconds if window is None else window
        ),
        select_policy=given.select_policy or default.select_policy,
        policies=given.policies or default.policies,
    )
