"""Fields whose feature is off in Kubernetes 1.34: dropped from new objects, as its API does."""

from collections.abc import Mapping
from typing import Any

from engine.api.evolution import evolve
from engine.api.frozen import freeze
from engine.api.pod import Pod
from engine.api.volume import Volume

_TRUST = "clusterTrustBundle"


def without_disabled(pod: Pod) -> Pod:
    """*pod* without projections of trust bundles (ClusterTrustBundleProjection is off).

    Source: dropDisabledClusterTrustBundleProjection, pkg/api/pod, kubernetes v1.34.
    """
    if not any(_asks_for_trust(volume) for volume in pod.spec.volumes):
        return pod
    volumes = tuple(
        _without_trust(volume) if _asks_for_trust(volume) else volume for volume in pod.spec.volumes
    )
    return evolve(pod, spec=evolve(pod.spec, volumes=volumes))


def _asks_for_trust(volume: Volume) -> bool:
    return any(_TRUST in part for part in _sources(volume))


def _without_trust(volume: Volume) -> Volume:
    sources = [
        {name: given for name, given in part.items() if name != _TRUST} for part in _sources(volume)
    ]
    assert isinstance(volume.projected, Mapping)
    return evolve(volume, projected=freeze({**volume.projected, "sources": sources}))


def _sources(volume: Volume) -> tuple[Mapping[str, Any], ...]:
    given: Any = volume.projected
    sources = given.get("sources") if isinstance(given, Mapping) else None
    return tuple(part for part in sources or () if isinstance(part, Mapping))
