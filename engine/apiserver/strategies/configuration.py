"""Webhook configurations, FlowSchemas and PriorityLevelConfigurations: stored for their readers.

They are carried as JSON; what is read of them here is what a client may leave away or get wrong.

Source: pkg/apis/admissionregistration and pkg/apis/flowcontrol, defaults and validation,
kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.frozen import EMPTY, FrozenDict, freeze
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import GenerationOnly, StatusAlone
from engine.apiserver.validation import (
    duplicate,
    invalid,
    invalid_all,
    required,
    subdomain_faults,
    unsupported,
)

_WEBHOOK = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_SEGMENTS = 3
_LONGEST_CALL = 30


class WebhookStrategy(GenerationOnly):
    """MutatingWebhookConfigurations and ValidatingWebhookConfigurations."""

    def default(self, obj: Any) -> Any:
        """Called for everything, within ten seconds, and missed when it does not answer."""
        hooks = obj.extra.get("webhooks", ())
        is_mutating = obj.KIND.startswith("Mutating")
        filled = tuple([_filled(hook, is_mutating=is_mutating) for hook in hooks])
        if filled == hooks:
            return obj
        return attrs.evolve(obj, extra=obj.extra.with_items({"webhooks": filled}))

    def validate(self, obj: Any) -> list[Cause]:
        """Named, reachable, and without effects nobody hears of."""
        causes: list[Cause] = []
        seen: dict[str, None] = {}
        for index, hook in enumerate(obj.extra.get("webhooks", ())):
            path = f"webhooks[{index}]"
            name = str(hook.get("name", ""))
            causes += _hook(hook, path)
            if name in seen:
                causes.append(duplicate(f"{path}.name", name))
            seen[name] = None
        return causes


class FlowSchemaStrategy(StatusAlone):
    """FlowSchemas."""

    def default(self, obj: Any) -> Any:
        """In the middle of the order."""
        spec = obj.extra.get("spec", EMPTY)
        if "matchingPrecedence" in spec:
            return obj
        spec = spec.with_items({"matchingPrecedence": 1000})
        return attrs.evolve(obj, extra=obj.extra.with_items({"spec": spec}))

    def validate(self, obj: Any) -> list[Cause]:
        """Somewhere in the order, leading to a priority level."""
        spec = obj.extra.get("spec", EMPTY)
        causes: list[Cause] = []
        place = spec.get("matchingPrecedence", 0)
        if not 1 <= place <= 10000:
            message = (
                "must not be greater than 10000" if place > 10000 else "must be a positive value"
            )
            causes.append(invalid("spec.matchingPrecedence", place, message))
        if not (spec.get("priorityLevelConfiguration") or EMPTY).get("name"):
            message = "must reference a priority level"
            causes.append(required("spec.priorityLevelConfiguration.name", message))
        return causes


class PriorityLevelStrategy(StatusAlone):
    """PriorityLevelConfigurations."""

    def validate(self, obj: Any) -> list[Cause]:
        """Limited or exempt, and said how."""
        spec = obj.extra.get("spec", EMPTY)
        kind = spec.get("type", "")
        if kind not in ("Exempt", "Limited"):
            return [unsupported("spec.type", kind, ("Exempt", "Limited"))]
        if kind == "Limited" and spec.get("limited") is None:
            return [required("spec.limited", "must not be empty when type is Limited")]
        return []


def _filled(hook: FrozenDict[str, Any], *, is_mutating: bool) -> FrozenDict[str, Any]:
    missing = {key: freeze(value) for key, value in _WEBHOOK.items() if key not in hook}
    if is_mutating and "reinvocationPolicy" not in hook:
        missing["reinvocationPolicy"] = "Never"
    missing["rules"] = tuple(
        [
            rule if rule.get("scope") else rule.with_items({"scope": "*"})
            for rule in hook.get("rules", ())
        ]
    )
    config = hook.get("clientConfig", EMPTY)
    service = config.get("service")
    if service and "port" not in service:
        missing["clientConfig"] = config.with_items({"service": service.with_items({"port": 443})})
    return hook.with_items(missing)


def _hook(hook: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    name = str(hook.get("name", ""))
    if not name:
        causes.append(required(f"{path}.name"))
    else:
        causes += invalid_all(f"{path}.name", name, subdomain_faults(name))
        if len(name.split(".")) < _SEGMENTS:
            message = "should be a domain with at least three segments separated by dots"
            causes.append(invalid(f"{path}.name", name, message))
    config = hook.get("clientConfig", EMPTY)
    if ("url" in config) == ("service" in config):
        message = "exactly one of url or service is required"
        causes.append(required(f"{path}.clientConfig", message))
    effects = hook.get("sideEffects")
    if effects is None:
        causes.append(required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun"))
    elif effects not in _SIDE_EFFECTS:
        causes.append(unsupported(f"{path}.sideEffects", effects, _SIDE_EFFECTS))
    if not hook.get("admissionReviewVersions"):
        message = "must specify one of v1, v1beta1"
        causes.append(required(f"{path}.admissionReviewVersions", message))
    seconds = hook.get("timeoutSeconds", 10)
    if not 1 <= seconds <= _LONGEST_CALL:
        message = "the timeout value must be between 1 and 30 seconds"
        causes.append(invalid(f"{path}.timeoutSeconds", seconds, message))
    policy = hook.get("failurePolicy", "Fail")
    if policy not in ("Fail", "Ignore"):
        causes.append(unsupported(f"{path}.failurePolicy", policy, ("Fail", "Ignore")))
    return causes
