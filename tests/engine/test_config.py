"""Settings of a cluster: which nodes there are, and where they lie."""

import pytest

from engine.config import make_nodes, usual_zones


@pytest.mark.parametrize(
    ("workers", "zones"), [(0, 1), (1, 1), (3, 1), (4, 2), (6, 3), (50, 3)], ids=str
)
def test_no_usual_zone_has_a_single_worker(workers: int, zones: int) -> None:
    """A pod with a zonal volume always finds another node of its zone."""
    assert usual_zones(workers) == zones


def test_workers_lie_in_zones_in_turn() -> None:
    """The first worker lies in the first zone, as the control plane does."""
    nodes = make_nodes(4, zones=2)

    assert [node.zone for node in nodes] == ["local-a", "local-a", "local-b", "local-a", "local-b"]
    assert {node.region for node in nodes} == {"local"}


def test_without_zones_nodes_have_no_region() -> None:
    """Nothing is claimed about a place."""
    assert {(node.zone, node.region) for node in make_nodes(2)} == {("", "")}
