"""Job and CronJob.

Source: pkg/apis/batch/v1/defaults.go, pkg/registry/batch/job/strategy.go, kubernetes v1.34.
"""

from typing import Any

import attrs

from engine.api.batch import JobSpec, PodFailurePolicy
from engine.api.meta import LabelSelector
from engine.apiserver.batch_validation import (
    CONTROLLER_UID,
    JOB_NAME,
    LEGACY_CONTROLLER_UID,
    LEGACY_JOB_NAME,
    validate_cron_job,
    validate_job,
    validate_job_update,
)
from engine.apiserver.defaults import default_template
from engine.apiserver.errors import Cause
from engine.apiserver.strategy import Strategy, Surroundings
from engine.apiserver.warnings import name_warnings, pod_warnings

_WITHOUT_LIMIT = 2**31 - 1


class JobStrategy(Strategy):
    """Jobs."""

    def prepare_for_create(self, obj: Any, around: Surroundings) -> Any:
        """With a selector of its own, and the labels it selects."""
        return with_generated_selector(super().prepare_for_create(obj, around))

    def default(self, obj: Any) -> Any:
        """Once, six retries; labelled as its pods."""
        spec = default_job_spec(obj.spec)
        meta, labels = obj.metadata, spec.template.metadata.labels
        if labels and not meta.labels:
            meta = attrs.evolve(meta, labels=labels)
        return attrs.evolve(obj, metadata=meta, spec=spec)

    def warnings(self, new: Any, old: Any | None) -> list[str]:
        """Of a new template."""
        template = new.spec.template
        named = name_warnings(new.metadata.name) if old is None else []
        if old is not None and old.spec.template == template:
            return named
        return named + pod_warnings(template.metadata, template.spec, "spec.template.spec")

    def validate(self, obj: Any) -> list[Cause]:
        """Counts, policies, selector and template."""
        return validate_job(obj)

    def validate_update(self, new: Any, old: Any) -> list[Cause]:
        """What runs stays what it is."""
        return validate_job_update(new, old)


class CronJobStrategy(Strategy):
    """CronJobs."""

    def default(self, obj: Any) -> Any:
        """Jobs side by side, three good ones and a bad one kept."""
        spec = obj.spec
        good, bad = spec.successful_jobs_history_limit, spec.failed_jobs_history_limit
        job = spec.job_template.spec
        job = attrs.evolve(job, template=default_template(job.template))
        spec = attrs.evolve(
            spec,
            concurrency_policy=spec.concurrency_policy or "Allow",
            suspend=bool(spec.suspend),
            successful_jobs_history_limit=3 if good is None else good,
            failed_jobs_history_limit=1 if bad is None else bad,
            job_template=attrs.evolve(spec.job_template, spec=job),
        )
        return attrs.evolve(obj, spec=spec)

    def validate(self, obj: Any) -> list[Cause]:
        """The schedule and the job."""
        return validate_cron_job(obj)


def with_generated_selector(job: Any) -> Any:
    """*job* with labels on its template that no other job's pods have, and a selector for them."""
    spec, meta = job.spec, job.metadata
    if spec.manual_selector:
        return job
    labels = {
        LEGACY_JOB_NAME: meta.name,
        JOB_NAME: meta.name,
        LEGACY_CONTROLLER_UID: meta.uid,
        CONTROLLER_UID: meta.uid,
        **spec.template.metadata.labels,
    }
    template = attrs.evolve(
        spec.template,
        metadata=attrs.evolve(
            spec.template.metadata, labels=spec.template.metadata.labels.with_items(labels)
        ),
    )
    selector = spec.selector or LabelSelector()
    if CONTROLLER_UID not in selector.match_labels:
        chosen = selector.match_labels.with_items({CONTROLLER_UID: meta.uid})
        selector = attrs.evolve(selector, match_labels=chosen)
    return attrs.evolve(job, spec=attrs.evolve(spec, template=template, selector=selector))


def default_job_spec(spec: JobSpec) -> JobSpec:
    """*spec* with what a client may leave away."""
    parallelism, completions = spec.parallelism, spec.completions
    if parallelism is None and completions is None:
        completions = 1
    limit = spec.backoff_limit
    if limit is None:
        limit = 6 if spec.backoff_limit_per_index is None else _WITHOUT_LIMIT
    policy = spec.pod_failure_policy
    replacement = "TerminatingOrFailed" if policy is None else "Failed"
    return attrs.evolve(
        spec,
        parallelism=1 if parallelism is None else parallelism,
        completions=completions,
        backoff_limit=limit,
        completion_mode=spec.completion_mode or "NonIndexed",
        suspend=bool(spec.suspend),
        manual_selector=bool(spec.manual_selector),
        pod_replacement_policy=spec.pod_replacement_policy or replacement,
        pod_failure_policy=None if policy is None else _default_policy(policy),
        template=default_template(spec.template),
    )


def _default_policy(policy: PodFailurePolicy) -> PodFailurePolicy:
    rules = []
    for rule in policy.rules:
        patterns = tuple(
            [
                attrs.evolve(pattern, status=pattern.status or "True")
                for pattern in rule.on_pod_conditions
            ]
        )
        rules.append(attrs.evolve(rule, on_pod_conditions=patterns))
    return attrs.evolve(policy, rules=tuple(rules))
