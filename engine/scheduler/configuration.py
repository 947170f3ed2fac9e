"""A scheduler's settings: its profiles and its back-off.

They are read from a KubeSchedulerConfiguration, all faults at once.

Source: kubescheduler.config.k8s.io/v1, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any, cast

import attrs

from engine.api.core import Service
from engine.api.frozen import freeze
from engine.errors import ConfigError
from engine.scheduler.framework import Filter, Score, Weighted
from engine.scheduler.plugin_args import DEFAULTS, Args
from engine.scheduler.plugins.registry import PLUGINS, WITHOUT_NODES
from engine.scheduler.profile import DEFAULT_SCHEDULER, Profile
from engine.scheduler.read_args import Faults, read_args
from engine.scheduler.volume_view import Source, Table, VolumeView

NO_SERVICES: Source[Service] = Table()
API_VERSION = "kubescheduler.config.k8s.io/v1"
KIND = "KubeSchedulerConfiguration"
_FIELDS = frozenset(
    {
        "apiVersion", "kind", "metadata", "parallelism", "leaderElection", "clientConnection",
        "healthzBindAddress", "metricsBindAddress", "enableProfiling",
        "enableContentionProfiling", "percentageOfNodesToScore", "podInitialBackoffSeconds",
        "podMaxBackoffSeconds", "profiles", "extenders", "delayCacheUntilActive",
    }
)  # fmt: skip
_POINTS = (
    "preEnqueue", "queueSort", "preFilter", "filter", "postFilter", "preScore", "score",
    "reserve", "permit", "preBind", "bind", "postBind", "multiPoint",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class ProfileSettings:
    """One profile: which plugins filter, which score and how much, and their arguments."""

    name: str = DEFAULT_SCHEDULER
    filters: tuple[str, ...] = tuple(n for n, entry in PLUGINS.items() if entry.is_filter)
    scores: tuple[tuple[str, int], ...] = tuple(
        (n, entry.weight) for n, entry in PLUGINS.items() if entry.weight
    )
    can_preempt: bool = True
    args: Mapping[str, Args] = attrs.field(factory=dict)

    def make(self, view: VolumeView, services: Source[Service] = NO_SERVICES) -> Profile:
        """The profile with its plugins, which look at volumes by *view* and at *services*."""
        made = {
            name: PLUGINS[name].make(self.args.get(name, DEFAULTS), view, services)
            for name in dict.fromkeys((*self.filters, *(name for name, _ in self.scores)))
        }
        preemption = self.args.get("DefaultPreemption", DEFAULTS)
        return Profile(
            name=self.name,
            filters=tuple(cast("Filter", made[name]) for name in self.filters),
            scores=tuple(
                Weighted(cast("Score", made[name]), weight) for name, weight in self.scores
            ),
            can_preempt=self.can_preempt,
            min_candidate_percent=preemption.min_candidate_percent,
            min_candidate_nodes=preemption.min_candidate_nodes,
            bind_timeout=self.args.get("VolumeBinding", DEFAULTS).bind_timeout,
        )


@attrs.frozen(kw_only=True)
class SchedulerSettings:
    """What a scheduler is told: its profiles, and its back-off in seconds."""

    profiles: tuple[ProfileSettings, ...] = (ProfileSettings(),)
    initial_backoff: float = 1.0
    max_backoff: float = 10.0


def read_configuration(value: object, *, source: str) -> SchedulerSettings:
    """The settings in a KubeSchedulerConfiguration as YAML gives it; *source* names the file.

    Raises:
        ConfigError: something in it is wrong; every fault is listed with its path.
    """
    faults = Faults()
    if not isinstance(value, Mapping):
        msg = f"{source}: a {KIND} was expected, which is a mapping"
        raise ConfigError(msg)
    if (value.get("apiVersion"), value.get("kind")) != (API_VERSION, KIND):
        found = f"{value.get('apiVersion')}, kind {value.get('kind')}"
        msg = f"{source}: apiVersion {API_VERSION}, kind {KIND} was expected, not {found}"
        raise ConfigError(msg)
    faults.unknown(value, _FIELDS, "")
    if value.get("extenders"):
        faults.add("extenders", "scheduler extenders are not run here; remove them")
    initial = faults.number(value, "podInitialBackoffSeconds", "", default=1, lowest=1)
    longest = faults.number(value, "podMaxBackoffSeconds", "", default=10, lowest=1)
    if longest < initial:
        faults.add("podMaxBackoffSeconds", "must be greater than or equal to PodInitialBackoff")
    faults.number(value, "percentageOfNodesToScore", "", default=0, lowest=0, highest=100)
    given = faults.items(value, "profiles", "")
    profiles = tuple(
        _profile(item, f"profiles[{index}]", faults) for index, item in enumerate(given)
    )
    seen: set[str] = set()
    for index, profile in enumerate(profiles):
        if profile.name in seen:
            faults.add(f"profiles[{index}].schedulerName", f'Duplicate value: "{profile.name}"')
        seen.add(profile.name)
    faults.raise_for(source)
    return SchedulerSettings(
        profiles=profiles or (ProfileSettings(),),
        initial_backoff=float(initial),
        max_backoff=float(longest),
    )


def _profile(value: Any, path: str, faults: "Faults") -> ProfileSettings:
    if not isinstance(value, Mapping):
        faults.add(path, "must be a mapping")
        return ProfileSettings()
    faults.unknown(
        value, {"schedulerName", "plugins", "pluginConfig", "percentageOfNodesToScore"}, path
    )
    faults.number(value, "percentageOfNodesToScore", path, default=0, lowest=0, highest=100)
    name = value.get("schedulerName", DEFAULT_SCHEDULER)
    if not isinstance(name, str) or not name:
        faults.add(f"{path}.schedulerName", "Required value")
        name = DEFAULT_SCHEDULER
    plugins = value.get("plugins") or {}
    if not isinstance(plugins, Mapping):
        faults.add(f"{path}.plugins", "must be a mapping")
        plugins = {}
    faults.unknown(plugins, set(_POINTS), f"{path}.plugins")
    names = tuple(PLUGINS) + WITHOUT_NODES
    defaults = {n: PLUGINS[n].weight if n in PLUGINS else 0 for n in names}
    everywhere = _chosen(plugins, "multiPoint", defaults, path, faults)
    for point in _POINTS:
        if point not in ("multiPoint", "filter", "score", "postFilter"):
            _chosen(plugins, point, everywhere, path, faults)
    filters = _chosen(plugins, "filter", everywhere, path, faults)
    scores = _chosen(plugins, "score", everywhere, path, faults)
    after = _chosen(plugins, "postFilter", everywhere, path, faults)
    args: dict[str, Args] = {}
    for index, item in enumerate(faults.items(value, "pluginConfig", path)):
        where = f"{path}.pluginConfig[{index}]"
        if not isinstance(item, Mapping) or item.get("name") not in names:
            faults.add(f"{where}.name", f"{_shown(item)} is not a plugin; there is {_listed()}")
            continue
        args[item["name"]] = read_args(
            item["name"], freeze(dict(item.get("args") or {})), f"{where}.args", faults
        )
    return ProfileSettings(
        name=name,
        filters=tuple(n for n in filters if n in PLUGINS and PLUGINS[n].is_filter),
        scores=tuple(
            (n, weight or PLUGINS[n].weight)
            for n, weight in scores.items()
            if n in PLUGINS and PLUGINS[n].weight
        ),
        can_preempt="DefaultPreemption" in after,
        args=args,
    )


def _chosen(
    plugins: Mapping[str, Any], point: str, defaults: Mapping[str, int], path: str, faults: "Faults"
) -> dict[str, int]:
    """The plugins of an extension point with their weights: defaults less disabled, then enabled.

    A default plugin that is enabled again keeps its place and takes the weight given.
    """
    where = f"{path}.plugins.{point}"
    entry = plugins.get(point) or {}
    if not isinstance(entry, Mapping):
        faults.add(where, "must be a mapping with enabled and disabled")
        return dict(defaults)
    faults.unknown(entry, {"enabled", "disabled"}, where)
    disabled = [
        _plugin_name(item, f"{where}.disabled[{index}]", faults, allows_all=True)
        for index, item in enumerate(faults.items(entry, "disabled", where))
    ]
    found = {} if "*" in disabled else {n: w for n, w in defaults.items() if n not in disabled}
    for index, item in enumerate(faults.items(entry, "enabled", where)):
        name = _plugin_name(item, f"{where}.enabled[{index}]", faults)
        if not name:
            continue
        weight = faults.number(
            item, "weight", f"{where}.enabled[{index}]", default=0, lowest=0, highest=1 << 31
        )
        default = PLUGINS[name].weight if name in PLUGINS else 0
        found[name] = weight or found.get(name) or default
    return found


def _plugin_name(item: Any, path: str, faults: "Faults", *, allows_all: bool = False) -> str:
    name = item.get("name") if isinstance(item, Mapping) else None
    if name in PLUGINS or name in WITHOUT_NODES or (allows_all and name == "*"):
        return str(name)
    faults.add(f"{path}.name", f"{_shown(item)} is not a plugin; there is {_listed()}")
    return ""


def _shown(item: Any) -> str:
    name = item.get("name") if isinstance(item, Mapping) else item
    return repr(name)


def _listed() -> str:
    return ", ".join((*PLUGINS, *WITHOUT_NODES))
