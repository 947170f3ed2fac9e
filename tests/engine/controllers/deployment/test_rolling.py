"""The arithmetic of rolling updates, against the cases of Kubernetes' own tables."""

import pytest

from engine.api.wire import IntOrString
from engine.controllers.deployment import rolling
from tests.engine.controllers.deployment.objects import a_deployment, a_set, sets


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        pytest.param(10, "25%", "25%", (3, 2), id="surge-rounds-up-unavailable-down"),
        pytest.param(4, "25%", "25%", (1, 1), id="even"),
        pytest.param(3, "25%", "25%", (1, 0), id="three-pods"),
        pytest.param(1, 0, "25%", (0, 1), id="both-zero-lets-one-go"),
        pytest.param(10, 0, 0, (0, 1), id="zero-numbers-let-one-go"),
        pytest.param(10, 5, 3, (5, 3), id="numbers"),
        pytest.param(0, "100%", "100%", (0, 1), id="no-pods"),
    ],
)
def test_limits_are_rounded_so_that_something_can_move(
    replicas: int, surge: IntOrString, unavailable: IntOrString, expected: tuple[int, int]
) -> None:
    """Surge is rounded up and unavailability down; both zero would never move."""
    deployment = a_deployment(replicas, surge=surge, unavailable=unavailable)

    assert rolling.limits(deployment) == expected


def test_more_than_all_cannot_be_unavailable() -> None:
    """A maxUnavailable above the replicas counts as all of them."""
    assert rolling.max_unavailable(a_deployment(3, unavailable=10)) == 3


@pytest.mark.parametrize(
    ("replicas", "surge", "new", "old", "expected"),
    [
        pytest.param(10, 0, 0, 10, 0, id="no-room-without-surge"),
        pytest.param(10, 2, 0, 10, 2, id="surge-gives-room"),
        pytest.param(10, 2, 0, 5, 7, id="old-pods-gone-give-room"),
        pytest.param(10, 2, 10, 0, 10, id="complete"),
        pytest.param(10, 2, 5, 5, 7, id="half-way"),
        pytest.param(10, 20, 5, 5, 10, id="never-above-the-wanted-number"),
        pytest.param(3, 1, 8, 0, 3, id="too-many-shrink"),
    ],
)
def test_new_set_grows_into_the_room_that_surge_leaves(
    replicas: int, surge: int, new: int, old: int, expected: int
) -> None:
    """All pods together never exceed replicas plus maxSurge."""
    deployment = a_deployment(replicas, surge=surge, unavailable=0)

    assert rolling.new_set_size(deployment, sets(a_set("new", new), a_set("old", old))) == expected


@pytest.mark.parametrize(
    ("unavailable", "old", "old_available", "new", "new_available", "expected"),
    [
        pytest.param(0, 10, 10, 0, 0, 10, id="all-must-stay"),
        pytest.param(2, 10, 10, 0, 0, 8, id="as-many-as-may-be-missing"),
        pytest.param(2, 10, 8, 0, 0, 8, id="unhealthy-ones-first"),
        pytest.param(2, 8, 8, 2, 0, 8, id="new-ones-that-are-not-available-count-as-missing"),
        pytest.param(2, 8, 8, 2, 2, 6, id="new-ones-that-are-available-free-old-ones"),
        pytest.param(5, 10, 0, 0, 0, 5, id="broken-old-pods-within-the-limit"),
        pytest.param(0, 1, 1, 10, 10, 0, id="last-one"),
        pytest.param(5, 8, 12, 0, 0, 5, id="pods-that-are-about-to-go-do-not-count"),
    ],
)
def test_old_sets_shrink_only_as_far_as_availability_allows(
    unavailable: int, old: int, old_available: int, new: int, new_available: int, expected: int
) -> None:
    """At least replicas minus maxUnavailable pods stay available."""
    deployment = a_deployment(10, surge=1, unavailable=unavailable)
    present = sets(
        a_set("new", new, available=new_available), a_set("old", old, available=old_available)
    )

    resizes = rolling.shrink_old(deployment, present)

    assert [resize.size for resize in resizes] == ([] if expected == old else [expected])


def test_unhealthy_pods_of_all_old_sets_go_before_healthy_ones() -> None:
    """A broken rollout in between is cleaned up before working pods are touched."""
    deployment = a_deployment(10, surge=3, unavailable=2)
    present = sets(
        a_set("third", 0, age=1),
        a_set("first", 8, age=3),
        a_set("broken", 5, available=0, age=2),
    )

    resizes = {r.replica_set.metadata.name: r.size for r in rolling.shrink_old(deployment, present)}

    assert resizes == {"broken": 0}


@pytest.mark.parametrize(
    ("before", "after", "sizes", "expected"),
    [
        pytest.param(10, 12, [10], [12], id="one-set-takes-all-up"),
        pytest.param(10, 5, [10], [5], id="one-set-takes-all-down"),
        pytest.param(10, 20, [5, 5], [10, 10], id="equal-sets-share-up"),
        pytest.param(10, 0, [5, 5], [0, 0], id="to-zero"),
        pytest.param(10, 5, [8, 2], [4, 1], id="in-proportion-down"),
        pytest.param(10, 20, [8, 2], [16, 4], id="in-proportion-up"),
        pytest.param(10, 6, [5, 5], [3, 3], id="equal-sets-share-down"),
        pytest.param(10, 11, [5, 5], [6, 5], id="odd-one-goes-to-the-newer-of-equals"),
        pytest.param(10, 15, [8, 2], [12, 3], id="leftovers-to-the-larger"),
    ],
)
def test_scaling_in_the_middle_of_a_rollout_is_shared_in_proportion(
    before: int, after: int, sizes: list[int], expected: list[int]
) -> None:
    """Each active set changes by its share; what rounding leaves goes to the largest."""
    deployment = a_deployment(after, surge=0, unavailable=1)
    made = [
        a_set(f"rs{index}", size, age=index, desired=before, maximum=before)
        for index, size in enumerate(sizes)
    ]

    resizes = {
        r.replica_set.metadata.name: r.size
        for r in rolling.scale(deployment, sets(made[0], *made[1:]))
    }

    assert [resizes[found.metadata.name] for found in made] == expected


def test_documented_example_of_proportional_scaling_holds() -> None:
    """10 replicas, maxSurge 3, maxUnavailable 2, stuck at 8 old and 5 new; scaled to 15.

    The documentation adds 3 to the old and 2 to the new ReplicaSet: 11 and 7.
    """
    deployment = a_deployment(15, surge=3, unavailable=2)
    new = a_set("new", 5, available=0, age=1, desired=10, maximum=13)
    old = a_set("old", 8, age=2, desired=10, maximum=13)

    resizes = {
        r.replica_set.metadata.name: r.size for r in rolling.scale(deployment, sets(new, old))
    }

    assert resizes == {"old": 11, "new": 7}


def test_a_complete_new_set_takes_over_from_old_ones() -> None:
    """Once the new set has all pods available, scaling removes what is left of the others."""
    deployment = a_deployment(5, surge=1)
    new = a_set("new", 5, desired=5)

    resizes = rolling.scale(deployment, sets(new, a_set("old", 2, age=1, desired=5)))

    assert [(r.replica_set.metadata.name, r.size) for r in resizes] == [("old", 0)]


def test_a_changed_number_is_seen_by_the_annotation_of_active_sets() -> None:
    """Only sets that have pods remember the size the Deployment had."""
    deployment = a_deployment(5)

    assert rolling.is_scaling(deployment, sets(a_set("new", 3, desired=3)))
    assert not rolling.is_scaling(deployment, sets(a_set("new", 5, desired=5)))
    assert not rolling.is_scaling(deployment, sets(None, a_set("old", 0, desired=3)))
