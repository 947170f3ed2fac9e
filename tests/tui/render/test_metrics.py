"""Autoscalers and use in words, bars and sparklines."""

from typing import Any

from engine.api.autoscaling_v2 import HorizontalPodAutoscaler
from engine.api.codec import decode_as
from engine.api.frozen import freeze
from engine.api.kubarium import UsageSeries
from engine.api.meta import ObjectMeta
from tui.render import metrics as render
from tui.render import usage
from tui.render.text import plain


def autoscaler(
    now: int = 3, wanted: int = 5, **conditions: tuple[str, str]
) -> HorizontalPodAutoscaler:
    """At 100 % of 60 % CPU; conditions as type to (status, reason)."""
    document: dict[str, Any] = {
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "maxReplicas": 8,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 60},
                    },
                },
                {
                    "type": "External",
                    "external": {
                        "metric": {"name": "queue"},
                        "target": {"type": "AverageValue", "averageValue": "20"},
                    },
                },
            ],
        },
        "status": {
            "currentReplicas": now,
            "desiredReplicas": wanted,
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageUtilization": 100}},
                },
                {"type": ""},
            ],
            "conditions": [
                {"type": type_, "status": status, "reason": reason, "message": "so it is"}
                for type_, (status, reason) in conditions.items()
            ],
        },
    }
    return decode_as(HorizontalPodAutoscaler, document)


GOOD: dict[str, Any] = {
    "AbleToScale": ("True", "ReadyForNewScale"),
    "ScalingActive": ("True", "ValidMetricFound"),
}


def test_the_state_is_a_word() -> None:
    """Growing, shrinking, limited, blind: by word and symbol."""
    assert render.replicas_state(autoscaler(**GOOD)).word == "growing to 5"
    assert render.replicas_state(autoscaler(5, 3, **GOOD)).word == "shrinking to 3"
    assert render.replicas_state(autoscaler(3, 3, **GOOD)).word == "steady"
    limited: dict[str, Any] = GOOD | {"ScalingLimited": ("True", "TooManyReplicas")}
    assert render.replicas_state(autoscaler(8, 8, **limited)).word == "at its most"
    blind: dict[str, Any] = GOOD | {"ScalingActive": ("False", "FailedGetResourceMetric")}
    assert render.replicas_state(autoscaler(**blind)).word == "FailedGetResourceMetric"


def test_targets_show_what_is_unknown() -> None:
    """A metric that could not be read is a question mark."""
    assert render.targets(autoscaler()) == "cpu 100%/60%, queue (external) ?/20 each"


def test_the_reason_is_told() -> None:
    """Present, wanted, conditions and steps, within the width."""
    lines = render.autoscaler_lines(autoscaler(**GOOD), [], ["5s ago New size: 5"], 100.0, 80)

    text = "\n".join(plain(line) for line in lines)
    assert "Deployment/shop has 3, wanted are 5" in text
    assert "100% of 60%" in text
    assert "ValidMetricFound" in text
    assert "New size: 5" in text
    assert max(len(plain(line)) for line in lines) <= 80


def test_several_histories_are_added_up() -> None:
    """They end together; the younger begins later."""

    def series(*cpu: int) -> UsageSeries:
        recent = {"seconds": 15, "cpu": list(cpu), "memory": [1024] * len(cpu)}
        return UsageSeries(metadata=ObjectMeta(name="x"), status=freeze({"recent": recent}))

    lines = render.autoscaler_lines(
        autoscaler(**GOOD), [series(10, 20, 30), series(5)], [], 100.0, 100
    )

    text = "\n".join(plain(line) for line in lines)
    assert "2 pods: the last 1 min" in text
    assert "35m" in text


def test_nothing_measured_is_said() -> None:
    """No figures are no error."""
    assert plain(usage.usage_lines({}, 80)[0]) == "nothing was measured yet"
