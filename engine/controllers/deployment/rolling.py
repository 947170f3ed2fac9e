"""The arithmetic of rolling updates and of scaling in the middle of one. Pure.

With 10 replicas, maxSurge 3 and maxUnavailable 2 there are never more than 13 pods, and never
fewer than 8 available ones. The new ReplicaSet starts with 3 (10 + 3 = 13). The old one may shrink
at once by 2 (13 - 8 - 3 not yet available). The new one grows by 2, and so on.

Source: rolling.go, deployment_util.go, kubernetes v1.34.
"""

import math
from collections.abc import Sequence

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.controllers.amount import scaled
from engine.controllers.deployment.revisions import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    ReplicaSets,
    age_order,
    count_annotation,
)


@attrs.frozen
class Resize:
    """One ReplicaSet and the size it should have."""

    replica_set: ReplicaSet
    size: int


def wanted(replica_set: ReplicaSet) -> int:
    """The pods a ReplicaSet asks for."""
    replicas = replica_set.spec.replicas
    return 1 if replicas is None else replicas


def replicas_of(deployment: Deployment) -> int:
    """The pods a Deployment asks for."""
    replicas = deployment.spec.replicas
    return 1 if replicas is None else replicas


def is_rolling(deployment: Deployment) -> bool:
    """Whether its strategy is RollingUpdate."""
    return deployment.spec.strategy.type != "Recreate"


def limits(deployment: Deployment) -> tuple[int, int]:
    """Surge and unavailability as counts, the first rounded up, the second down.

    Both cannot be 0, or nothing could ever move: then one may be unavailable.
    """
    rolling = deployment.spec.strategy.rolling_update
    replicas = replicas_of(deployment)
    surge = scaled(rolling.max_surge if rolling else "25%", replicas, round_up=True)
    unavailable = scaled(rolling.max_unavailable if rolling else "25%", replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, unavailable


def max_surge(deployment: Deployment) -> int:
    """Pods allowed above the wanted number."""
    return limits(deployment)[0] if is_rolling(deployment) else 0


def max_unavailable(deployment: Deployment) -> int:
    """Pods allowed to be unavailable; never more than there are."""
    replicas = replicas_of(deployment)
    if not is_rolling(deployment) or replicas == 0:
        return 0
    return min(limits(deployment)[1], replicas)


def new_set_size(deployment: Deployment, sets: ReplicaSets) -> int:
    """The size the new ReplicaSet should have now: as large as the surge allows."""
    target = replicas_of(deployment)
    present = wanted(sets.new) if sets.new is not None else 0
    if not is_rolling(deployment) or present >= target:
        return target
    room = target + max_surge(deployment) - sum(wanted(found) for found in sets.all)
    return present + max(0, min(room, target - present))


def shrink_old(deployment: Deployment, sets: ReplicaSets) -> tuple[Resize, ...]:
    """How far old ReplicaSets may shrink now, oldest first.

    Unhealthy pods go first, then healthy ones, without falling below what must stay available.
    """
    old_pods = sum(wanted(found) for found in sets.old)
    if old_pods == 0 or sets.new is None:
        return ()
    minimum = replicas_of(deployment) - max_unavailable(deployment)
    new_unavailable = wanted(sets.new) - sets.new.status.available_replicas
    budget = old_pods + wanted(sets.new) - minimum - new_unavailable
    if budget <= 0:
        return ()
    old = sorted(sets.old, key=age_order)
    sizes = {found.metadata.name: wanted(found) for found in old}
    for found in old:
        unhealthy = wanted(found) - found.status.available_replicas
        taken = max(0, min(budget, unhealthy))
        sizes[found.metadata.name] -= taken
        budget -= taken
    # A set that was shrunk a moment ago may still report pods that are about to go: counting them
    # would shrink it twice (as in Kubernetes; found by soak seed 976).
    available = sum(min(found.status.available_replicas, wanted(found)) for found in sets.all)
    budget = max(0, available - minimum)
    for found in old:
        taken = min(sizes[found.metadata.name], budget)
        sizes[found.metadata.name] -= taken
        budget -= taken
    return tuple(
        Resize(found, sizes[found.metadata.name])
        for found in old
        if sizes[found.metadata.name] != wanted(found)
    )


def is_scaling(deployment: Deployment, sets: ReplicaSets) -> bool:
    """Whether the wanted number has changed since an active ReplicaSet was last sized."""
    target = replicas_of(deployment)
    return any(
        (desired := count_annotation(found, DESIRED_REPLICAS)) is not None and desired != target
        for found in sets.all
        if wanted(found) > 0
    )


def scale(deployment: Deployment, sets: ReplicaSets) -> tuple[Resize, ...]:
    """The sizes after the wanted number has changed, or while paused.

    One active ReplicaSet takes all; a complete new one takes all from the old; in the middle of a
    rolling update the difference is shared in proportion to size.
    """
    target = replicas_of(deployment)
    single = _active_or_latest(sets)
    if single is not None:
        return (Resize(single, target),)
    if _is_saturated(deployment, sets.new):
        return tuple(Resize(found, 0) for found in sets.old if wanted(found) > 0)
    if not is_rolling(deployment):
        return ()
    return _in_proportion(deployment, [found for found in sets.all if wanted(found) > 0])


def _in_proportion(deployment: Deployment, active: Sequence[ReplicaSet]) -> tuple[Resize, ...]:
    target = replicas_of(deployment)
    allowed = target + max_surge(deployment) if target > 0 else 0
    to_add = allowed - sum(wanted(found) for found in active)
    # Larger ones change more; among equals the newer grow and the older shrink.
    if to_add > 0:
        order = sorted(active, key=age_order, reverse=True)
    else:
        order = sorted(active, key=age_order)
    order.sort(key=wanted, reverse=True)
    sizes, added = [], 0
    for found in order:
        share = _proportion(deployment, found, to_add, added) if to_add else 0
        sizes.append(wanted(found) + share)
        added += share
    if sizes and to_add:
        sizes[0] = max(0, sizes[0] + to_add - added)
    return tuple(Resize(found, size) for found, size in zip(order, sizes, strict=True))


def _proportion(deployment: Deployment, found: ReplicaSet, to_add: int, added: int) -> int:
    if wanted(found) == 0 or to_add == added:
        return 0
    share, rest = _fraction(deployment, found), to_add - added
    return min(share, rest) if to_add > 0 else max(share, rest)


def _fraction(deployment: Deployment, found: ReplicaSet) -> int:
    """By how much one ReplicaSet would grow if all grew in proportion."""
    target, size = replicas_of(deployment), wanted(found)
    if target == 0:
        return -size
    before = count_annotation(found, MAX_REPLICAS) or deployment.status.replicas
    if before == 0:
        return 0
    grown = size * (target + max_surge(deployment)) / before
    return math.floor(grown + 0.5) - size


def _active_or_latest(sets: ReplicaSets) -> ReplicaSet | None:
    active = [found for found in sets.all if wanted(found) > 0]
    if len(active) == 1:
        return active[0]
    if active:
        return None
    if sets.new is not None:
        return sets.new
    return max(sets.old, key=age_order, default=None)


def _is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    target = replicas_of(deployment)
    return (
        new is not None
        and count_annotation(new, DESIRED_REPLICAS) == target
        and wanted(new) == target
        and new.status.available_replicas == target
    )
