"""Rollouts as bars and words: old and new replica sets, and their bounds."""

import math
from collections.abc import Iterable

import attrs

from engine.api.apps import Deployment, ReplicaSet
from engine.api.meta import condition_of, controller_of
from tui.render.pods import image_tag
from tui.render.text import Line, Span, State

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"


def revision_of(obj: Deployment | ReplicaSet) -> int:
    """The revision number that the deployment controller gave; 0 if none yet."""
    text = obj.metadata.annotations.get(REVISION, "")
    return int(text) if text.isdigit() else 0


def sets_of(deployment: Deployment, sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """The deployment's replica sets, newest revision first."""
    uid = deployment.metadata.uid
    found = []
    for item in sets:
        owner = controller_of(item)
        if owner is not None and owner.uid == uid:
            found.append(item)
    return sorted(found, key=lambda item: (-revision_of(item), item.metadata.name))


def wanted(deployment: Deployment) -> int:
    """spec.replicas, which is 1 when nobody said."""
    replicas = deployment.spec.replicas
    return 1 if replicas is None else replicas


def tag_of(item: Deployment | ReplicaSet) -> str:
    """The tag of the first container's image."""
    containers = item.spec.template.spec.containers
    return image_tag(containers[0].image) if containers else ""


def images(item: Deployment | ReplicaSet) -> str:
    """All images of the template."""
    return ",".join(container.image for container in item.spec.template.spec.containers)


def bounds(deployment: Deployment) -> tuple[int, int]:
    """The fewest available pods and the most pods that a rolling update allows.

    Source: ResolveFenceposts, pkg/controller/deployment/util, kubernetes v1.34.
    """
    replicas = wanted(deployment)
    if deployment.spec.strategy.type == "Recreate":
        return 0, replicas
    rolling = deployment.spec.strategy.rolling_update
    surge = _resolve(rolling.max_surge if rolling else None, replicas, up=True)
    unavailable = _resolve(rolling.max_unavailable if rolling else None, replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return max(0, replicas - unavailable), replicas + surge


def rollout_state(deployment: Deployment) -> State:
    """Where a rollout stands, in kubectl's sense.

    Source: DeploymentStatusViewer, kubectl pkg/polymorphichelpers, kubernetes v1.34.
    """
    spec, status = deployment.spec, deployment.status
    progressing = condition_of(status.conditions, "Progressing")
    if spec.paused:
        return State("‖", "paused", "wait")
    if deployment.metadata.generation > status.observed_generation:
        return State("◐", "observing", "wait")
    if progressing and progressing.reason == "ProgressDeadlineExceeded":
        return State("✖", "stuck", "bad")
    if status.updated_replicas < wanted(deployment):
        return State("◐", "rolling out", "wait")
    if status.replicas > status.updated_replicas:
        return State("◐", "retiring old", "wait")
    if status.available_replicas < status.updated_replicas:
        return State("◐", "getting ready", "wait")
    if wanted(deployment) == 0:
        return State("○", "scaled to 0", "gone")
    return State("●", "complete", "ok")


def is_active(deployment: Deployment) -> bool:
    """Whether something is still to happen."""
    return rollout_state(deployment).word not in ("complete", "paused", "scaled to 0")


@attrs.frozen
class Segment:
    """One replica set in a rollout bar: ready and not yet ready pods."""

    tag: str
    revision: int
    ready: int
    rest: int
    is_new: bool


def segments(deployment: Deployment, sets: Iterable[ReplicaSet]) -> list[Segment]:
    """The replica sets that have pods, old ones first, and the newest always."""
    own = sets_of(deployment, sets)
    out = []
    for index, item in enumerate(own):
        total = max(item.status.replicas, 0)
        if total == 0 and index > 0:
            continue
        ready = item.status.ready_replicas
        out.append(
            Segment(tag_of(item), revision_of(item), ready, max(0, total - ready), index == 0)
        )
    return out[::-1]


def rollout_bar(deployment: Deployment, sets: Iterable[ReplicaSet], cells: int) -> Line:
    """Old pods, new pods and free places up to the surge bound, with ``┆`` at the lower bound.

    Ready pods are full blocks, those that are not ready are shaded.
    """
    low, high = bounds(deployment)
    parts = segments(deployment, sets)
    total = max(high, sum(part.ready + part.rest for part in parts), 1)
    tones: list[tuple[str, str]] = []
    for part in parts:
        tone = "ok" if part.is_new else "done"
        tones += [("█", tone)] * part.ready + [
            ("▒", tone if not part.is_new else "wait")
        ] * part.rest
    tones += [("░", "faint")] * (total - len(tones))
    per = max(1, cells // total)
    if total > cells:
        tones = [tones[index * total // cells] for index in range(cells)]
        per = 1
    line = [Span(symbol * (per - 1 if per > 2 else per), tone) for symbol, tone in tones]
    if per > 2:
        spaced: Line = []
        for index, span in enumerate(line):
            mark = "┆" if index + 1 == low and low < total else " "
            spaced += [span, Span(mark, "dim")]
        line = spaced
    return line


def legend(deployment: Deployment, sets: Iterable[ReplicaSet]) -> Line:
    """``v1 2 → v2 1+1``: which revision has how many pods, ready plus not ready."""
    line: Line = []
    for part in segments(deployment, sets):
        if line:
            line.append(Span(" → ", "dim"))
        tone = "ok" if part.is_new else "done"
        rest = f"+{part.rest}" if part.rest else ""
        line += [Span(part.tag, tone, is_bold=True), Span(f" {part.ready}{rest}", "")]
    return line


def _resolve(value: int | str | None, replicas: int, *, up: bool) -> int:
    if value is None:
        value = "25%"
    if isinstance(value, int):
        return value
    if not value.endswith("%") or not value[:-1].isdigit():
        return 0
    share = int(value[:-1]) * replicas / 100
    return math.ceil(share) if up else math.floor(share)
