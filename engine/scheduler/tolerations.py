"""Which taints a pod puts up with. Pure.

Source: Toleration.ToleratesTaint, k8s.io/api core/v1, kubernetes v1.34.
"""

from collections.abc import Iterable, Sequence

from engine.api.container import Toleration
from engine.api.node import Taint


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether one toleration covers one taint; an empty key or effect covers any."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return toleration.operator in {"", "Equal"} and toleration.value == taint.value


def first_untolerated(
    taints: Iterable[Taint], tolerations: Sequence[Toleration], effects: frozenset[str]
) -> Taint | None:
    """The first taint with one of *effects* that no toleration covers, or None."""
    for taint in taints:
        if taint.effect in effects and not any(
            tolerates(toleration, taint) for toleration in tolerations
        ):
            return taint
    return None
