"""Which pods a Job creates or deletes now. Pure.

Source: pkg/controller/job/job_controller.go (manageJob), kubernetes v1.34.
"""

from collections.abc import Sequence

import attrs

from engine.api.batch import Job
from engine.api.container import Container, EnvVar, EnvVarSource, FieldSelector
from engine.api.frozen import FrozenDict
from engine.api.pod import Pod, PodTemplateSpec
from engine.controllers.job import backoff
from engine.controllers.job.assessment import (
    TRACKING_FINALIZER,
    Assessment,
    has_index_limit,
    is_indexed,
    is_suspended,
)
from engine.controllers.job.backoff import FailureRecord
from engine.controllers.job.failure_policy import judge, replaces_only_failed
from engine.controllers.job.indexes import INDEX, INDEX_VARIABLE, index_of, pending_indexes
from engine.controllers.pod_ranking import pods_to_delete
from engine.controllers.pod_state import is_terminal

BURST = 500
"""At most so many pods are created or deleted in one pass."""


@attrs.frozen
class PodPlan:
    """Pods to delete, or the indexes of pods to create (None: without one), or how long to wait."""

    delete: tuple[Pod, ...] = ()
    create: tuple[int | None, ...] = ()
    delay: float = 0.0


def plan_pods(found: Assessment, record: FailureRecord, *, now: float) -> PodPlan:
    """What brings an undecided Job to the number of pods it should have now."""
    job = found.job
    if is_suspended(job):
        return PodPlan(delete=found.active)
    active = len(found.active)
    wanted = wanted_active(found)
    surplus = _surplus(job, found.active, max(0, active - wanted), now=now)[:BURST]
    if surplus:
        return PodPlan(delete=surplus)
    terminating = found.terminating if replaces_only_failed(job) else 0
    missing = min(BURST, wanted - terminating - active)
    if missing <= 0:
        return PodPlan()
    if not has_index_limit(job):
        delay = backoff.remaining(record, now=now)
        if delay > 0:
            return PodPlan(delay=delay)
    if not is_indexed(job):
        return PodPlan(create=(None,) * missing)
    indexes = pending_indexes(_taken(found), missing, job.spec.completions or 0)
    if not has_index_limit(job):
        return PodPlan(create=indexes)
    delays = {
        index: backoff.remaining_for_index(found.waiting[index], now=now)
        if index in found.waiting
        else 0.0
        for index in indexes
    }
    later = [delay for delay in delays.values() if delay > 0]
    return PodPlan(
        create=tuple(index for index, delay in delays.items() if delay <= 0),
        delay=min(later, default=0.0),
    )


def wanted_active(found: Assessment) -> int:
    """How many pods should be at work.

    Without a number of completions no pod is added once one has succeeded.
    """
    spec = found.job.spec
    parallelism = 1 if spec.parallelism is None else spec.parallelism
    if spec.completions is None:
        return len(found.active) if found.succeeded > 0 else parallelism
    rest = spec.completions - found.succeeded - len(found.failed_indexes)
    return max(0, min(parallelism, rest))


def pod_template(found: Assessment, index: int | None) -> tuple[PodTemplateSpec, str]:
    """The template of the next pod (for *index*), and how its name begins."""
    job = found.job
    template = job.spec.template
    meta = template.metadata
    finalizers = meta.finalizers
    if TRACKING_FINALIZER not in finalizers:
        finalizers = (*finalizers, TRACKING_FINALIZER)
    meta = attrs.evolve(meta, finalizers=finalizers)
    if index is None:
        return attrs.evolve(template, metadata=meta), f"{job.metadata.name}-"
    number = FrozenDict({INDEX: str(index)})
    meta = attrs.evolve(
        meta,
        labels=meta.labels.with_items(number),
        annotations=meta.annotations.with_items({**number, **_failure_counts(found, index)}),
    )
    spec = attrs.evolve(
        template.spec,
        hostname=f"{job.metadata.name}-{index}",
        containers=tuple(_with_index(container) for container in template.spec.containers),
        init_containers=tuple(_with_index(c) for c in template.spec.init_containers),
    )
    # Room for the five characters that the API server adds, and for the index.
    prefix = f"{job.metadata.name}"[: 63 - 5 - len(f"-{index}-")] + f"-{index}-"
    return attrs.evolve(template, metadata=meta, spec=spec), prefix


def _failure_counts(found: Assessment, index: int) -> dict[str, str]:
    job = found.job
    if not has_index_limit(job):
        return {}
    failed = found.waiting.get(index)
    if failed is None:
        return {backoff.FAILURE_COUNT: "0"}
    counted, ignored = backoff.index_failures(failed), backoff.ignored_index_failures(failed)
    if judge(job.spec.pod_failure_policy, failed).is_counted:
        counted += 1
    else:
        ignored += 1
    counts = {backoff.FAILURE_COUNT: str(counted)}
    if ignored:
        counts[backoff.IGNORED_FAILURE_COUNT] = str(ignored)
    return counts


def _with_index(container: Container) -> Container:
    if any(variable.name == INDEX_VARIABLE for variable in container.env):
        return container
    path = FieldSelector(api_version="v1", field_path=f"metadata.labels['{INDEX}']")
    variable = EnvVar(name=INDEX_VARIABLE, value_from=EnvVarSource(field_ref=path))
    return attrs.evolve(container, env=(*container.env, variable))


def _taken(found: Assessment) -> frozenset[int]:
    taken = set(found.succeeded_indexes) | set(found.failed_indexes)
    for pod in found.active:
        taken.add(-1 if (index := index_of(pod)) is None else index)
    if replaces_only_failed(found.job):
        for pod in found.pods:
            index = index_of(pod)
            is_going = pod.metadata.deletion_timestamp is not None and not is_terminal(pod)
            if is_going and index is not None:
                taken.add(index)
    return frozenset(taken)


def _surplus(job: Job, active: Sequence[Pod], at_least: int, *, now: float) -> tuple[Pod, ...]:
    """Pods of an index that another works on or that is out of range, then those missed least."""
    chosen: list[Pod] = []
    left = list(active)
    if is_indexed(job):
        left = []
        groups: dict[int | None, list[Pod]] = {}
        for pod in active:
            groups.setdefault(index_of(pod), []).append(pod)
        for index, pods in groups.items():
            ranked = pods_to_delete(pods, (), len(pods) - 1, now=now) if len(pods) > 1 else ()
            if index is None or index >= (job.spec.completions or 0):
                chosen += pods
            else:
                chosen += ranked
                left += [pod for pod in pods if pod not in ranked]
    if len(chosen) < at_least:
        chosen += pods_to_delete(left, (), at_least - len(chosen), now=now)
    return tuple(chosen)
