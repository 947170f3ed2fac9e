"""Kinds whose spec the engine carries as JSON: their defaults, and those of their pod templates.

Source: pkg/apis/apps/v1, pkg/apis/batch/v1 and pkg/apis/core/v1 defaults.go, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

import attrs

from engine.api.codec import decode_part, encode_part
from engine.api.frozen import EMPTY, FrozenDict, freeze
from engine.api.pod import PodTemplateSpec
from engine.apiserver.defaults import default_template
from engine.apiserver.strategy import Strategy, Surroundings, with_status

STATEFUL_SET = {
    "replicas": 1,
    "podManagementPolicy": "OrderedReady",
    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    "revisionHistoryLimit": 10,
    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
}
DAEMON_SET = {
    "updateStrategy": {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    },
    "revisionHistoryLimit": 10,
}
JOB = {
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "completions": 1,
    "parallelism": 1,
    "podReplacementPolicy": "TerminatingOrFailed",
    "suspend": False,
}
CRON_JOB = {
    "concurrencyPolicy": "Allow",
    "failedJobsHistoryLimit": 1,
    "successfulJobsHistoryLimit": 3,
    "suspend": False,
}
CLAIM = {"volumeMode": "Filesystem"}
VOLUME = {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"}


@attrs.frozen
class CarriedStrategy(Strategy):
    """A kind with these defaults of its spec, and this status at first.

    A default that is a map is taken whole or not at all: it belongs to the type chosen beside it.
    """

    defaults: Mapping[str, Any]
    first_status: Mapping[str, Any] | None = None
    has_generation: bool = True

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """Without the status that only controllers write."""
        del around
        return with_status(obj, None if self.first_status is None else freeze(self.first_status))

    def default(self, obj: Any) -> Any:
        """The spec with its gaps filled, templates included."""
        spec = obj.extra.get("spec", EMPTY)
        missing = {key: freeze(value) for key, value in self.defaults.items() if key not in spec}
        if "jobTemplate" in spec:
            inner = spec["jobTemplate"].get("spec", EMPTY)
            job = spec["jobTemplate"].with_items({"spec": _with_template(inner)})
            missing["jobTemplate"] = job
        filled = _with_template(spec.with_items(missing) if missing else spec)
        if filled == spec:
            return obj
        return attrs.evolve(obj, extra=obj.extra.with_items({"spec": filled}))


def _with_template(spec: FrozenDict[str, Any]) -> FrozenDict[str, Any]:
    template = spec.get("template")
    if not template:
        return spec
    filled = default_template(decode_part(PodTemplateSpec, template))
    return spec.with_items({"template": freeze(encode_part(filled))})
