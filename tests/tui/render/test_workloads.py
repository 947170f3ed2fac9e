"""How sets, jobs and schedules read in a table."""

import attrs
import pytest

from engine.api.batch import Job, JobSpec, JobStatus
from engine.api.meta import Condition, ObjectMeta
from engine.api.stateful import (
    DaemonSet,
    DaemonSetStatus,
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from engine.api.wire import Time
from tui.render.workloads import completions, is_troubled, job_duration, job_state, update_state


@pytest.mark.parametrize(
    ("condition", "word", "is_bad"),
    [
        ("", "Running", False),
        ("Complete", "Complete", False),
        ("Failed", "Failed", True),
        ("Suspended", "Suspended", False),
    ],
)
def test_the_state_of_a_job(condition: str, word: str, is_bad: bool) -> None:
    """As kubectl's STATUS column."""
    conditions = (Condition(type=condition, status="True"),) if condition else ()
    job = Job(status=JobStatus(conditions=conditions))

    assert job_state(job).word == word
    assert is_troubled(job) == is_bad


def test_completions_and_duration() -> None:
    """Until it ends the duration grows."""
    status = JobStatus(succeeded=2, start_time=Time(100.0))
    job = Job(spec=JobSpec(completions=3), status=status)
    ended = attrs.evolve(job, status=attrs.evolve(status, completion_time=Time(130.0)))

    assert completions(job) == "2/3"
    assert completions(Job(spec=JobSpec(parallelism=4), status=status)) == "2/1 of 4"
    assert (job_duration(job, 190.0), job_duration(ended, 190.0)) == ("90s", "30s")


@pytest.mark.parametrize(
    ("updated", "ready", "partition", "word"),
    [
        (3, 3, 0, "Complete"),
        (1, 3, 0, "1/3 updated"),
        (3, 2, 0, "2/3 ready"),
        (1, 3, 2, "Complete"),
    ],
)
def test_the_update_of_a_stateful_set(updated: int, ready: int, partition: int, word: str) -> None:
    """Pods below the partition are not waited for."""
    rolling = RollingUpdateStatefulSetStrategy(partition=partition)
    found = StatefulSet(
        metadata=ObjectMeta(generation=1),
        spec=StatefulSetSpec(
            replicas=3,
            update_strategy=StatefulSetUpdateStrategy(type="RollingUpdate", rolling_update=rolling),
        ),
        status=StatefulSetStatus(
            observed_generation=1, updated_replicas=updated, ready_replicas=ready
        ),
    )

    assert update_state(found).word == word


def test_the_update_of_a_daemon_set_counts_nodes() -> None:
    """Also what its controller has not seen yet."""
    status = DaemonSetStatus(
        observed_generation=1,
        desired_number_scheduled=4,
        updated_number_scheduled=3,
        number_available=4,
    )
    found = DaemonSet(metadata=ObjectMeta(generation=1), status=status)
    unseen = attrs.evolve(found, metadata=ObjectMeta(generation=2))

    assert update_state(found).word == "3/4 updated"
    assert update_state(unseen).word == "Seen soon"
