"""custom.metrics.k8s.io and external.metrics.k8s.io as discovery lists them: what there is to ask.

Their resources are the metrics that have been told, so the lists change as metrics come and go.
"""

from typing import Any

import attrs

from engine.adapters.http.custom_metrics import CUSTOM, EXTERNAL, VERSIONS, group_entry, resources
from engine.api.kubarium import Metric
from engine.apiserver.errors import ApiError
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer

_REQUEST = RequestInfo(user="system:apiserver", groups=("system:masters",))
_KINDS = {CUSTOM: "MetricValueList", EXTERNAL: "ExternalMetricValueList"}


@attrs.define(eq=False)
class MetricDiscovery:
    """What discovery adds about metrics."""

    server: ApiServer

    @property
    def state(self) -> str:
        """Differs whenever the answers would."""
        return "\n".join(name for group in VERSIONS for name in self._names(group))

    def paths(self) -> list[str]:
        """Their paths, as the root lists them."""
        found = []
        for group, versions in VERSIONS.items():
            found += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in versions)]
        return found

    def groups(self) -> list[dict[str, Any]]:
        """Their entries of ``/apis``."""
        return [group_entry(group) for group in VERSIONS]

    def aggregated(self) -> list[dict[str, Any]]:
        """Their items of the aggregated ``/apis``."""
        return [
            {
                "metadata": {"name": group, "creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "resources": self._discovered(group, version),
                        "freshness": "Current",
                    }
                    for version in versions
                ],
            }
            for group, versions in VERSIONS.items()
        ]

    def _discovered(self, group: str, version: str) -> list[dict[str, Any]]:
        kind = {"group": group, "version": version, "kind": _KINDS[group]}
        found: dict[str, dict[str, Any]] = {}
        for name in self._names(group):
            resource, _, subresource = name.partition("/")
            entry = found.setdefault(
                resource,
                {
                    "resource": resource,
                    "responseKind": kind,
                    "scope": "Namespaced",
                    "singularResource": "",
                    # Of a custom metric only the part below the object can be asked for.
                    "verbs": [] if subresource else ["get"],
                },
            )
            if subresource:
                entry.setdefault("subresources", []).append(
                    {"subresource": subresource, "responseKind": kind, "verbs": ["get"]}
                )
        return list(found.values())

    def _names(self, group: str) -> list[str]:
        try:
            metrics = self.server.list(Metric, request=_REQUEST).items
        except ApiError:
            return []
        return resources(group, metrics)
