"""How long a pod may stay on a tainted node."""

import pytest

from engine.api.container import Toleration
from engine.api.node import Taint
from engine.controllers.taint_eviction import eviction_delay

A = Taint(key="a", effect="NoExecute", value="1")
B = Taint(key="b", effect="NoExecute")


def _tolerates(key: str, seconds: int | None = None, operator: str = "Exists") -> Toleration:
    return Toleration(key=key, operator=operator, effect="NoExecute", toleration_seconds=seconds)


@pytest.mark.parametrize(
    ("taints", "tolerations", "expected"),
    [
        pytest.param([A], [], 0.0, id="nothing-tolerates"),
        pytest.param([A], [_tolerates("a")], None, id="tolerated-for-ever"),
        pytest.param([A], [_tolerates("a", 30)], 30.0, id="for-a-while"),
        pytest.param([A, B], [_tolerates("a", 30)], 0.0, id="one-of-two"),
        pytest.param([A, B], [_tolerates("a", 30), _tolerates("b", 20)], 20.0, id="the-shortest"),
        pytest.param([A, B], [_tolerates("a", 30), _tolerates("b")], 30.0, id="the-only-limit"),
        pytest.param([A], [_tolerates("a", -5)], 0.0, id="negative-means-at-once"),
        pytest.param([A], [_tolerates("")], None, id="an-empty-key-covers-all"),
        pytest.param([A], [_tolerates("a", None, "Equal")], 0.0, id="equal-needs-the-value"),
    ],
)
def test_the_shortest_toleration_in_use_counts(
    taints: list[Taint], tolerations: list[Toleration], expected: float | None
) -> None:
    """An untolerated taint means at once, tolerations without a limit mean for ever."""
    assert eviction_delay(taints, tolerations) == expected
