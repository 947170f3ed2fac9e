"""Jobs run to their end, whatever becomes of their pods."""

from typing import Any

import attrs
import pytest

from engine.api.batch import Job
from engine.api.meta import condition_of
from engine.api.pod import Pod
from engine.controllers.job.assessment import TRACKING_FINALIZER
from tests.engine.plant import Plant


@pytest.fixture
def plant() -> Plant:
    """Two nodes."""
    made = Plant()
    made.add_node("n0")
    made.add_node("n1")
    made.run(1.0)
    return made


def _apply(plant: Plant, name: str = "job", **spec: Any) -> None:
    plant.apply(
        apiVersion="batch/v1",
        kind="Job",
        metadata={"name": name, "namespace": "default"},
        spec={
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "demo"}]}
            },
            **spec,
        },
    )
    plant.run(3.0)


def _job(plant: Plant, name: str = "job") -> Job:
    return plant.get(Job, name)


def _reasons(plant: Plant, name: str = "job") -> dict[str, str]:
    conditions = _job(plant, name).status.conditions
    return {c.type: c.reason for c in conditions if c.status == "True"}


def _end_all(plant: Plant, *, exit_code: int = 0) -> None:
    for name in plant.running():
        plant.end(name, exit_code=exit_code)
    plant.run(2.0)


def test_a_job_runs_as_often_as_asked_and_completes(plant: Plant) -> None:
    """Two at a time, three in all; then the conditions of success, in order."""
    _apply(plant, completions=3, parallelism=2)
    assert (_job(plant).status.active, _job(plant).status.ready) == (2, 2)

    _end_all(plant)
    plant.run(3.0)
    assert (_job(plant).status.active, _job(plant).status.succeeded) == (1, 2)
    _end_all(plant)

    status = _job(plant).status
    assert (status.active, status.succeeded, status.terminating) == (0, 3, 0)
    assert [c.type for c in status.conditions] == ["SuccessCriteriaMet", "Complete"]
    assert set(_reasons(plant).values()) == {"CompletionsReached"}
    assert status.completion_time is not None
    assert plant.events("Completed") == ["Job completed"]


def test_pods_are_held_until_they_are_counted(plant: Plant) -> None:
    """The tracking finalizer is on every pod, and gone from counted ones."""
    _apply(plant, completions=2)
    assert plant.all(Pod)[0].metadata.finalizers == (TRACKING_FINALIZER,)

    _end_all(plant)

    ended = [pod for pod in plant.all(Pod) if pod.status.phase == "Succeeded"]
    assert [pod.metadata.finalizers for pod in ended] == [()]
    uncounted = _job(plant).status.uncounted_terminated_pods
    assert uncounted is not None
    assert uncounted.succeeded == ()


def test_failures_are_retried_later_each_time_and_then_no_more(plant: Plant) -> None:
    """After backoffLimit + 1 failures the Job has failed."""
    _apply(plant, backoffLimit=1)
    _end_all(plant, exit_code=1)
    plant.run(5.0)
    assert plant.running() == ()
    plant.run(6.0)
    assert len(plant.running()) == 1

    _end_all(plant, exit_code=1)

    assert _reasons(plant) == {
        "FailureTarget": "BackoffLimitExceeded",
        "Failed": "BackoffLimitExceeded",
    }
    assert _job(plant).status.failed == 2
    assert plant.events("BackoffLimitExceeded") == ["Job has reached the specified backoff limit"]


def test_indexed_pods_know_their_index(plant: Plant) -> None:
    """As annotation, label, host name, variable and part of the name."""
    _apply(plant, completions=2, parallelism=2, completionMode="Indexed")

    first = next(p for p in plant.all(Pod) if p.metadata.name.startswith("job-0-"))

    index = "batch.kubernetes.io/job-completion-index"
    assert first.metadata.annotations[index] == first.metadata.labels[index] == "0"
    assert first.spec.hostname == "job-0"
    variable = first.spec.containers[0].env[0]
    assert variable.name == "JOB_COMPLETION_INDEX"
    _end_all(plant)
    assert _job(plant).status.completed_indexes == "0,1"


def test_an_index_that_fails_too_often_leaves_the_others_alone(plant: Plant) -> None:
    """With a limit per index the Job goes on, and fails when all indexes are through."""
    _apply(plant, completions=2, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=0)
    first = next(name for name in plant.running() if name.startswith("job-0-"))

    plant.end(first, exit_code=1)
    plant.run(15.0)
    assert _job(plant).status.failed_indexes == "0"
    assert _reasons(plant) == {}
    _end_all(plant)

    assert _reasons(plant)["Failed"] == "FailedIndexes"
    assert _job(plant).status.completed_indexes == "1"


def test_a_failure_policy_ends_the_job_at_once(plant: Plant) -> None:
    """FailJob on an exit code; the other pods go."""
    rule = {
        "action": "FailJob",
        "onExitCodes": {"containerName": "c", "operator": "In", "values": [42]},
    }
    _apply(plant, completions=4, parallelism=2, podFailurePolicy={"rules": [rule]})

    plant.end(plant.running()[0], exit_code=42)
    plant.run(1.0)
    assert set(_reasons(plant)) == {"FailureTarget"}
    plant.run(5.0)

    assert _reasons(plant)["Failed"] == "PodFailurePolicy"
    assert plant.running() == ()


def test_a_success_policy_ends_the_job_before_all_have_succeeded(plant: Plant) -> None:
    """The leader has succeeded; the rest is not needed any more."""
    policy = {"rules": [{"succeededIndexes": "0"}]}
    _apply(plant, completions=3, parallelism=3, completionMode="Indexed", successPolicy=policy)

    plant.end(next(name for name in plant.running() if name.startswith("job-0-")))
    plant.run(5.0)

    assert _reasons(plant) == {"SuccessCriteriaMet": "SuccessPolicy", "Complete": "SuccessPolicy"}
    assert plant.running() == ()


def test_a_suspended_job_has_no_pods_until_it_is_resumed(plant: Plant) -> None:
    """Suspending deletes pods; resuming starts the clock anew."""
    _apply(plant, suspend=True)
    assert plant.all(Pod) == ()
    assert _job(plant).status.start_time is None
    assert _reasons(plant) == {"Suspended": "JobSuspended"}

    job = _job(plant)
    plant.client.update(attrs.evolve(job, spec=attrs.evolve(job.spec, suspend=False)))
    plant.run(3.0)

    assert len(plant.running()) == 1
    suspended = condition_of(_job(plant).status.conditions, "Suspended")
    assert suspended is not None
    assert (suspended.status, suspended.reason) == ("False", "JobResumed")
    assert _job(plant).status.start_time is not None


def test_a_job_that_takes_too_long_fails(plant: Plant) -> None:
    """ActiveDeadlineSeconds counts from the start."""
    _apply(plant, activeDeadlineSeconds=20)

    plant.run(25.0)

    assert _reasons(plant)["Failed"] == "DeadlineExceeded"
    assert plant.running() == ()


@pytest.mark.parametrize(("policy", "at_once"), [("TerminatingOrFailed", 1), ("Failed", 0)])
def test_deleted_pods_are_replaced_as_the_policy_says(
    plant: Plant, policy: str, at_once: int
) -> None:
    """At once, or only when they have ended."""
    plant.stop_delay = 30.0
    _apply(plant, podReplacementPolicy=policy, backoffLimit=5)

    plant.client.delete(Pod, plant.running()[0], namespace="default")
    plant.run(15.0)

    assert len(plant.running()) == at_once
    assert _job(plant).status.terminating == 1


def test_a_finished_job_goes_when_its_time_is_over(plant: Plant) -> None:
    """ttlSecondsAfterFinished; its pods go with it."""
    _apply(plant, ttlSecondsAfterFinished=10)
    _end_all(plant)
    plant.run(5.0)
    assert len(plant.all(Job)) == 1

    plant.run(10.0)

    assert plant.all(Job) == ()
    assert plant.all(Pod) == ()


def test_pods_of_a_deleted_job_are_let_go(plant: Plant) -> None:
    """Nobody counts them any more, so nothing holds them."""
    _apply(plant, parallelism=2, completions=2)

    plant.client.delete(Job, "job", namespace="default", propagation_policy="Background")
    plant.run(10.0)

    assert plant.all(Pod) == ()


def test_a_job_adopts_and_releases_by_labels(plant: Plant) -> None:
    """A pod that loses the labels loses owner and finalizer, and is replaced."""
    _apply(plant)
    pod = plant.all(Pod)[0]
    plain = attrs.evolve(pod.metadata, labels=pod.metadata.labels.without(*pod.metadata.labels))

    plant.client.update(attrs.evolve(pod, metadata=plain))
    plant.run(4.0)

    released = plant.get(Pod, pod.metadata.name)
    assert released.metadata.owner_references == ()
    assert released.metadata.finalizers == ()
    assert len(plant.running()) == 2
