"""Reads the arguments of plugins, and gathers what is wrong with a configuration."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any

import attrs

from engine.api.wire import Json
from engine.errors import ConfigError
from engine.scheduler.plugin_args import Args
from engine.scheduler.spread_constraints import SYSTEM_DEFAULTS

_STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")


@attrs.define
class Faults:
    """What is wrong, path by path."""

    found: list[str] = attrs.field(factory=list)

    def add(self, path: str, problem: str) -> None:
        """Note a fault."""
        self.found.append(f"{path}: {problem}")

    def unknown(self, value: Mapping[str, Any], known: AbstractSet[str], path: str) -> None:
        """Note the fields that are not known."""
        for name in value:
            if name not in known:
                where = f"{path}.{name}" if path else str(name)
                self.add(where, f"unknown field; there is {', '.join(sorted(known))}")

    def number(
        self,
        value: Mapping[str, Any],
        name: str,
        path: str,
        *,
        default: int,
        lowest: int,
        highest: int | None = None,
    ) -> int:
        """A whole number within bounds; *default* where it is absent or wrong."""
        given = value.get(name)
        if given is None:
            return default
        where = f"{path}.{name}" if path else name
        if not isinstance(given, int) or isinstance(given, bool):
            self.add(where, f"a whole number was expected, not {given!r}")
        elif given < lowest or (highest is not None and given > highest):
            bounds = f"from {lowest}" + (f" to {highest}" if highest is not None else "")
            self.add(where, f"a number {bounds} was expected, not {given}")
        else:
            return given
        return default

    def items(self, value: Mapping[str, Any], name: str, path: str) -> list[Any]:
        """A list; empty where it is absent or wrong."""
        given = value.get(name)
        if given is None:
            return []
        if not isinstance(given, list | tuple):
            self.add(f"{path}.{name}" if path else name, "must be a list")
            return []
        return list(given)

    def raise_for(self, source: str) -> None:
        """End here if anything is wrong.

        Raises:
            ConfigError: with all faults.
        """
        if self.found:
            raise ConfigError(f"{source}: " + "; ".join(self.found))


def read_args(name: str, value: Json, path: str, faults: Faults) -> Args:
    """The arguments of the plugin *name*; faults are noted, and defaults take their place."""
    fields = {"apiVersion", "kind"}
    if name == "NodeResourcesFit":
        faults.unknown(
            value,
            fields | {"ignoredResources", "ignoredResourceGroups", "scoringStrategy"},
            path,
        )
        return _fit(value, path, faults)
    if name == "NodeResourcesBalancedAllocation":
        faults.unknown(value, fields | {"resources"}, path)
        return Args(weights=_weights(value, path, faults))
    if name == "NodeAffinity":
        faults.unknown(value, fields | {"addedAffinity"}, path)
        return Args(added_affinity=value.get("addedAffinity") or {})
    if name == "PodTopologySpread":
        faults.unknown(value, fields | {"defaultConstraints", "defaultingType"}, path)
        return _spread(value, path, faults)
    if name == "InterPodAffinity":
        known = {"hardPodAffinityWeight", "ignorePreferredTermsOfExistingPods"}
        faults.unknown(value, fields | known, path)
        return Args(
            hard_pod_affinity_weight=faults.number(
                value, "hardPodAffinityWeight", path, default=1, lowest=0, highest=100
            ),
            ignores_preferred_of_others=bool(value.get("ignorePreferredTermsOfExistingPods")),
        )
    if name == "DefaultPreemption":
        known = {"minCandidateNodesPercentage", "minCandidateNodesAbsolute"}
        faults.unknown(value, fields | known, path)
        return Args(
            min_candidate_percent=faults.number(
                value, "minCandidateNodesPercentage", path, default=10, lowest=0, highest=100
            ),
            min_candidate_nodes=faults.number(
                value, "minCandidateNodesAbsolute", path, default=100, lowest=0
            ),
        )
    if name == "VolumeBinding":
        faults.unknown(value, fields | {"bindTimeoutSeconds", "shape"}, path)
        if value.get("shape"):
            faults.add(f"{path}.shape", "the feature StorageCapacityScoring is off; remove it")
        seconds = faults.number(value, "bindTimeoutSeconds", path, default=600, lowest=0)
        return Args(bind_timeout=float(seconds))
    faults.unknown(value, fields, path)
    return Args()


def _fit(value: Json, path: str, faults: Faults) -> Args:
    strategy = value.get("scoringStrategy") or {}
    where = f"{path}.scoringStrategy"
    faults.unknown(strategy, {"type", "resources", "requestedToCapacityRatio"}, where)
    kind = strategy.get("type") or "LeastAllocated"
    if kind not in _STRATEGIES:
        supported = ", ".join(f'"{name}"' for name in _STRATEGIES)
        faults.add(f"{where}.type", f'Unsupported value: "{kind}": supported values: {supported}')
        kind = "LeastAllocated"
    shape: tuple[tuple[int, int], ...] = ()
    if kind == "RequestedToCapacityRatio":
        shape = _shape(strategy.get("requestedToCapacityRatio") or {}, where, faults)
    names = (value.get("ignoredResources") or ()) + (value.get("ignoredResourceGroups") or ())
    return Args(
        strategy=kind,
        weights=_weights(strategy, where, faults),
        shape=shape,
        ignored_resources=frozenset(str(item) for item in names),
    )


def _shape(value: Json, path: str, faults: Faults) -> tuple[tuple[int, int], ...]:
    where = f"{path}.requestedToCapacityRatio.shape"
    points = tuple(
        (
            faults.number(item, "utilization", f"{where}[{i}]", default=0, lowest=0, highest=100),
            faults.number(item, "score", f"{where}[{i}]", default=0, lowest=0, highest=10),
        )
        for i, item in enumerate(value.get("shape") or ())
        if isinstance(item, Mapping)
    )
    if not points:
        faults.add(where, "at least one point must be specified")
        return ((0, 0), (100, 10))
    if any(later[0] <= earlier[0] for earlier, later in pairwise(points)):
        faults.add(where, "utilization values must be sorted in increasing order")
    return points


def _weights(value: Json, path: str, faults: Faults) -> Mapping[str, int]:
    given = value.get("resources")
    if not given:
        return {"cpu": 1, "memory": 1}
    found = {}
    for index, item in enumerate(given):
        where = f"{path}.resources[{index}]"
        if not isinstance(item, Mapping) or not item.get("name"):
            faults.add(f"{where}.name", "Required value")
            continue
        weight = faults.number(item, "weight", where, default=1, lowest=1, highest=100)
        found[str(item["name"])] = weight
    return found


def _spread(value: Json, path: str, faults: Faults) -> Args:
    kind = value.get("defaultingType") or "System"
    given = value.get("defaultConstraints") or ()
    if kind not in ("System", "List"):
        faults.add(
            f"{path}.defaultingType",
            f'Unsupported value: "{kind}": supported values: "List", "System"',
        )
    if kind == "System":
        if given:
            faults.add(
                f"{path}.defaultConstraints",
                'Invalid value: when .defaultingType is "System", it must be empty',
            )
        return Args(default_constraints=SYSTEM_DEFAULTS)
    for index, item in enumerate(given):
        where = f"{path}.defaultConstraints[{index}]"
        if not item.get("topologyKey"):
            faults.add(f"{where}.topologyKey", "Required value: can not be empty")
        faults.number(item, "maxSkew", where, default=1, lowest=1)
        if item.get("whenUnsatisfiable") not in ("DoNotSchedule", "ScheduleAnyway"):
            faults.add(
                f"{where}.whenUnsatisfiable",
                f'Unsupported value: "{item.get("whenUnsatisfiable")}": supported values: '
                '"DoNotSchedule", "ScheduleAnyway"',
            )
        if item.get("labelSelector") is not None:
            faults.add(f"{where}.labelSelector", "Forbidden: constraint must not define a selector")
    return Args(default_constraints=tuple(given), is_system_defaulting=False)
