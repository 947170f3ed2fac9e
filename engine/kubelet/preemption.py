"""Room for a critical pod on a node that has none left: which pods have to go. Pure.

Source: pkg/kubelet/preemption/preemption.go (CriticalPodAdmissionHandler), kubernetes v1.34.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.api.pod import Pod
from engine.api.qos import BEST_EFFORT, BURSTABLE, GUARANTEED, qos_class
from engine.api.usage import pod_requests

CRITICAL = 2_000_000_000
REASON = "Preempting"
MESSAGE = "Preempted in order to admit critical pod"
MIRROR = "kubernetes.io/config.mirror"
SOURCE = "kubernetes.io/config.source"

Amounts = Mapping[str, Decimal]


def is_critical(pod: Pod) -> bool:
    """Whether the node itself makes room for the pod: static pods, and those of that priority."""
    annotations = pod.metadata.annotations
    is_static = MIRROR in annotations or annotations.get(SOURCE, "api") != "api"
    return is_static or (pod.spec.priority or 0) >= CRITICAL


def pods_to_preempt(pod: Pod, lacking: Amounts, present: Iterable[Pod]) -> tuple[Pod, ...] | None:
    """Those of *present* that have to go so that *lacking* is free; None if all would not do.

    Few of the better classes go: what the worse classes can give comes first.
    """
    candidates: dict[str, list[Pod]] = {BEST_EFFORT: [], BURSTABLE: [], GUARANTEED: []}
    for other in present:
        lower = (other.spec.priority or 0) < (pod.spec.priority or 0)
        if not is_critical(other) or lower:
            candidates[qos_class(other.spec)].append(other)
    worse = [*candidates[BEST_EFFORT], *candidates[BURSTABLE]]
    if _left(lacking, [*worse, *candidates[GUARANTEED]]):
        return None
    guaranteed = _closest(candidates[GUARANTEED], _left(lacking, worse))
    burstable = _closest(
        candidates[BURSTABLE], _left(lacking, [*candidates[BEST_EFFORT], *guaranteed])
    )
    best_effort = _closest(candidates[BEST_EFFORT], _left(lacking, [*burstable, *guaranteed]))
    return (*best_effort, *burstable, *guaranteed)


def _requests(pod: Pod) -> Amounts:
    return {**pod_requests(pod.spec), "pods": Decimal(1)}


def _left(lacking: Amounts, gone: Iterable[Pod]) -> dict[str, Decimal]:
    """What is still lacking once *gone* are gone."""
    left = dict(lacking)
    for pod in gone:
        for name, amount in _requests(pod).items():
            if name in left:
                left[name] -= amount
    return {name: amount for name, amount in left.items() if amount > 0}


def _closest(candidates: list[Pod], lacking: Amounts) -> list[Pod]:
    """As few pods as possible whose requests come closest to what is lacking."""
    chosen: list[Pod] = []
    left, rest = dict(lacking), list(candidates)
    while left and rest:
        best = min(rest, key=lambda pod: (_distance(pod, left), sum(_requests(pod).values())))
        rest.remove(best)
        chosen.append(best)
        left = _left(left, [best])
    return chosen


def _distance(pod: Pod, lacking: Amounts) -> Decimal:
    has = _requests(pod)
    return sum(
        (
            (max(Decimal(0), amount - has.get(name, Decimal(0))) / amount) ** 2
            for name, amount in lacking.items()
        ),
        Decimal(0),
    )
