"""Conditions of Deployments, in Kubernetes' words and at the right moments."""

import attrs

from engine.api.apps import DeploymentStatus
from engine.api.meta import Condition, condition_of
from engine.api.wire import Time
from engine.controllers.deployment import progress
from tests.engine.controllers.deployment.objects import a_deployment, a_set, sets


def _reason(status: DeploymentStatus, type_: str) -> tuple[str, str]:
    found = condition_of(status.conditions, type_)
    assert found is not None
    return found.status, found.reason


def test_enough_available_pods_make_a_deployment_available() -> None:
    """Replicas minus maxUnavailable are enough; one fewer is not."""
    deployment = a_deployment(10, unavailable=2)

    enough = progress.count_status(deployment, sets(a_set("new", 10, available=8)), now=5.0)
    fewer = progress.count_status(deployment, sets(a_set("new", 10, available=7)), now=5.0)

    assert _reason(enough, "Available") == ("True", "MinimumReplicasAvailable")
    assert _reason(fewer, "Available") == ("False", "MinimumReplicasUnavailable")
    assert fewer.unavailable_replicas == 3


def test_a_rollout_is_complete_when_only_new_available_pods_are_left() -> None:
    """All wanted pods updated and available, and no old ones."""
    deployment = a_deployment(3)

    done = progress.rollout_status(deployment, sets(a_set("new", 3), a_set("old", 0)), now=5.0)
    busy = progress.rollout_status(deployment, sets(a_set("new", 3), a_set("old", 1)), now=5.0)

    assert _reason(done, "Progressing") == ("True", "NewReplicaSetAvailable")
    assert _reason(busy, "Progressing") == ("True", "ReplicaSetUpdated")


def test_no_progress_within_the_deadline_is_reported_once_it_is_over() -> None:
    """The deadline counts from the last progress."""
    since = progress.progressing("True", progress.SET_UPDATED, "", now=100.0)
    stuck = sets(a_set("new", 3, available=0))
    status = DeploymentStatus(replicas=3, updated_replicas=3, conditions=(since,))
    deployment = a_deployment(3, deadline=60, status=status)

    before = progress.rollout_status(deployment, stuck, now=160.0)
    after = progress.rollout_status(deployment, stuck, now=160.5)

    assert _reason(before, "Progressing") == ("True", "ReplicaSetUpdated")
    assert _reason(after, "Progressing") == ("False", "ProgressDeadlineExceeded")


def test_a_complete_rollout_never_times_out() -> None:
    """Pods that fail later are not the rollout's."""
    done = progress.progressing("True", progress.NEW_SET_AVAILABLE, "", now=0.0)
    deployment = a_deployment(3, deadline=60, status=DeploymentStatus(conditions=(done,)))

    assert not progress.has_timed_out(deployment, deployment.status, now=1e6)


def test_progress_moves_the_update_time_and_keeps_the_transition_time() -> None:
    """The condition has been True since then, but was renewed now."""
    since = progress.progressing("True", progress.SET_UPDATED, "", now=100.0)
    deployment = a_deployment(3, status=DeploymentStatus(conditions=(since,)))

    status = progress.rollout_status(deployment, sets(a_set("new", 2)), now=150.0)

    found = condition_of(status.conditions, "Progressing")
    assert found is not None
    assert (found.last_transition_time, found.last_update_time) == (100.0, 150.0)


def test_without_a_deadline_progress_is_not_reported() -> None:
    """The condition goes when the deadline is taken away."""
    since = progress.progressing("True", progress.SET_UPDATED, "", now=100.0)
    deployment = a_deployment(3, deadline=None, status=DeploymentStatus(conditions=(since,)))

    status = progress.rollout_status(deployment, sets(a_set("new", 3)), now=150.0)

    assert condition_of(status.conditions, "Progressing") is None


def test_a_replica_set_that_cannot_create_pods_shows_in_the_deployment() -> None:
    """The ReplicaSet's failure is passed on, and goes when it does."""
    failure = Condition(
        type="ReplicaFailure",
        status="True",
        reason="FailedCreate",
        message="exceeded quota",
        last_transition_time=Time(1.0),
    )
    failing = a_set("new", 3, available=0)
    failing = attrs.evolve(failing, status=attrs.evolve(failing.status, conditions=(failure,)))
    deployment = a_deployment(3)

    status = progress.rollout_status(deployment, sets(failing), now=5.0)
    healed = progress.rollout_status(
        attrs.evolve(deployment, status=status), sets(a_set("new", 3)), now=6.0
    )

    assert _reason(status, "ReplicaFailure") == ("True", "FailedCreate")
    assert condition_of(healed.conditions, "ReplicaFailure") is None


def test_equal_status_and_reason_leave_a_condition_as_it_is() -> None:
    """Nothing is written for a condition that only has a new time."""
    conditions = (progress.progressing("True", progress.SET_UPDATED, "", now=1.0),)

    again = progress.progressing("True", progress.SET_UPDATED, "other", now=2.0)

    assert progress.with_condition(conditions, again) is conditions
