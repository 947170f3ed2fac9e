"""How far workloads are that have no rollout screen of their own: sets, jobs and schedules."""

from collections.abc import Sequence

from engine.api.batch import CronJob, Job
from engine.api.container import Container
from engine.api.meta import ApiObject, condition_of
from engine.api.pod import PodTemplateSpec
from engine.api.replication import ReplicationController
from engine.api.stateful import DaemonSet, StatefulSet
from tui.render.age import age, human_duration
from tui.render.pods import image_tag
from tui.render.text import State, Tone

Workload = StatefulSet | DaemonSet | ReplicationController | Job


def job_state(job: Job) -> State:
    """Complete, failed, suspended, or running, as kubectl's STATUS column says it."""
    for type_, symbol, tone in (
        ("Complete", "✓", "done"),
        ("Failed", "✗", "bad"),
        ("Suspended", "‖", "dim"),
        ("FailureTarget", "✗", "bad"),
        ("SuccessCriteriaMet", "✓", "ok"),
    ):
        condition = condition_of(job.status.conditions, type_)
        if condition is not None and condition.status == "True":
            return _state(symbol, type_, tone)
    return _state("●", "Running", "info")


def completions(job: Job) -> str:
    """Succeeded of wanted; without a number of completions, of how many at once."""
    spec, done = job.spec, job.status.succeeded
    if spec.completions is not None:
        return f"{done}/{spec.completions}"
    parallelism = spec.parallelism or 0
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def job_duration(job: Job, now: float) -> str:
    """From its start to its end, or to now."""
    started, ended = job.status.start_time, job.status.completion_time
    if started is None:
        return ""
    return human_duration((now if ended is None else ended) - started)


def wanted(obj: StatefulSet | ReplicationController) -> int:
    """How many pods it asks for."""
    return 1 if obj.spec.replicas is None else obj.spec.replicas


def update_state(obj: StatefulSet | DaemonSet) -> State:
    """Whether all pods are of the newest template and ready."""
    status = obj.status
    if isinstance(obj, StatefulSet):
        total, updated = wanted(obj), obj.status.updated_replicas
        ready = obj.status.ready_replicas
        partition = obj.spec.update_strategy.rolling_update
        total_updated = total - min(total, (partition.partition or 0) if partition else 0)
    else:
        total = obj.status.desired_number_scheduled
        updated, ready = obj.status.updated_number_scheduled, obj.status.number_available
        total_updated = total
    if status.observed_generation < obj.metadata.generation:
        return _state("…", "Seen soon", "wait")
    if updated < total_updated:
        return _state("◐", f"{updated}/{total_updated} updated", "wait")
    if ready < total:
        return _state("◐", f"{ready}/{total} ready", "wait")
    return _state("✓", "Complete", "ok")


def cron_last(cron_job: CronJob, now: float) -> str:
    """How long ago it last made a job."""
    last = cron_job.status.last_schedule_time
    return "<none>" if last is None else age(last, now)


def template_of(obj: Workload) -> PodTemplateSpec:
    """What its pods are made of."""
    return obj.spec.template or PodTemplateSpec()


def tag_of(obj: Workload) -> str:
    """The tag of the first container's image."""
    containers: Sequence[Container] = template_of(obj).spec.containers
    return image_tag(containers[0].image) if containers else ""


def images(obj: Workload) -> str:
    """All images of the template."""
    return ",".join(container.image for container in template_of(obj).spec.containers)


def is_troubled(obj: ApiObject) -> bool:
    """Whether a view of faults only would show it."""
    if isinstance(obj, Job):
        return job_state(obj).tone == "bad"
    if isinstance(obj, StatefulSet | DaemonSet):
        return update_state(obj).tone != "ok"
    if isinstance(obj, ReplicationController):
        return obj.status.ready_replicas < wanted(obj)
    return False


def _state(symbol: str, word: str, tone: Tone) -> State:
    return State(symbol=symbol, word=word, tone=tone)
