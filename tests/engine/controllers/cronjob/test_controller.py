"""CronJobs make Jobs when they are due, as their policies allow."""

from typing import Any

import attrs
import pytest

from engine.api.batch import CronJob, CronJobSpec, CronJobStatus, Job
from engine.api.cron import parse_schedule
from engine.api.meta import ObjectMeta
from engine.api.wire import Time
from engine.controllers.cronjob.timing import is_too_late, most_recent
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """One node."""
    made = Plant()
    made.add_node("n0")
    made.run(1.0)
    return made


def _apply(plant: Plant, **spec: Any) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "demo"}]}}
    plant.apply(
        apiVersion="batch/v1",
        kind="CronJob",
        metadata={"name": "tick", "namespace": "default"},
        spec={
            "schedule": "* * * * *",
            "jobTemplate": {"spec": {"template": template}},
            **spec,
        },
    )


def _end_all(plant: Plant, *, exit_code: int = 0) -> None:
    for name in plant.running():
        plant.end(name, exit_code=exit_code)
    plant.run(3.0)


def _to_next_minute(plant: Plant) -> None:
    plant.run(60.0 - plant.loop.now % 60.0 + 3.0)


@pytest.mark.parametrize(
    ("last", "deadline", "now", "due", "missed"),
    [
        (None, None, 30, None, 0),
        (None, None, 60, 60, 0),
        (60, None, 119, None, 0),
        (60, None, 120, 120, 0),
        (60, None, 300, 300, 4),
        (0, None, 60 * 200, 60 * 200, 200),
        (0, 90, 60 * 200, 60 * 200, 2),
    ],
)
def test_the_most_recent_time_since_the_last_job(
    last: float | None, deadline: int | None, now: float, due: float | None, missed: int
) -> None:
    """Of several missed times only the last is made up for; the deadline limits how many count."""
    cron_job = CronJob(
        metadata=ObjectMeta(name="tick", creation_timestamp=Time(1.0)),
        spec=CronJobSpec(schedule="* * * * *", starting_deadline_seconds=deadline),
        status=CronJobStatus(last_schedule_time=None if last is None else Time(last)),
    )

    found = most_recent(cron_job, parse_schedule("* * * * *"), now=now, within_deadline=True)

    assert (found.time, found.missed) == (due, missed)


def test_a_start_after_its_deadline_is_missed() -> None:
    """StartingDeadlineSeconds counts from the scheduled time."""
    cron_job = CronJob(spec=CronJobSpec(starting_deadline_seconds=10))

    assert is_too_late(cron_job, 60.0, now=71.0)
    assert not is_too_late(cron_job, 60.0, now=70.0)


def test_a_job_is_made_each_minute_under_a_name_of_its_time(plant: Plant) -> None:
    """So that none is made twice."""
    _apply(plant)
    _to_next_minute(plant)

    job = plant.all(Job)[0]
    minute = int(plant.loop.now) // 60
    assert job.metadata.name == f"tick-{minute}"
    assert job.metadata.owner_references[0].name == "tick"
    status = plant.get(CronJob, "tick").status
    assert [reference.name for reference in status.active] == [job.metadata.name]
    assert status.last_schedule_time == Time(minute * 60)
    _end_all(plant)
    assert plant.get(CronJob, "tick").status.active == ()
    assert plant.get(CronJob, "tick").status.last_successful_time is not None


@pytest.mark.parametrize(("policy", "jobs", "running"), [("Allow", 2, 2), ("Forbid", 1, 1)])
def test_runs_that_overlap(plant: Plant, policy: str, jobs: int, running: int) -> None:
    """Allow starts another, Forbid waits."""
    _apply(plant, concurrencyPolicy=policy)
    _to_next_minute(plant)
    _to_next_minute(plant)

    assert (len(plant.all(Job)), len(plant.running())) == (jobs, running)
    assert bool(plant.events("JobAlreadyActive")) == (policy == "Forbid")


def test_replace_ends_the_run_that_is_still_going(plant: Plant) -> None:
    """The new one takes its place."""
    _apply(plant, concurrencyPolicy="Replace")
    _to_next_minute(plant)
    first = plant.all(Job)[0].metadata.name
    _to_next_minute(plant)

    assert [job.metadata.name for job in plant.all(Job)] != [first]
    assert len(plant.all(Job)) == 1
    assert plant.events("SuccessfulDelete")[0] == f"Deleted job {first}"


def test_only_so_many_finished_jobs_are_kept(plant: Plant) -> None:
    """The oldest go."""
    _apply(plant, successfulJobsHistoryLimit=2)
    for _ in range(4):
        _to_next_minute(plant)
        _end_all(plant)

    assert len(plant.all(Job)) == 2


def test_a_suspended_one_makes_nothing(plant: Plant) -> None:
    """Until it is resumed; then the last missed time is made up for."""
    _apply(plant, suspend=True)
    plant.run(130.0)
    assert plant.all(Job) == ()

    found = plant.get(CronJob, "tick")
    plant.client.update(attrs.evolve(found, spec=attrs.evolve(found.spec, suspend=False)))
    plant.run(2.0)

    assert len(plant.all(Job)) == 1
