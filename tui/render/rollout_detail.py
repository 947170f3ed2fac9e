"""One deployment's rollout in full: bounds, revisions with their pods, conditions, history."""

from collections.abc import Iterable, Sequence

from engine.api.apps import Deployment, ReplicaSet
from engine.api.meta import controller_of
from engine.api.pod import Pod
from tui.language import say
from tui.render import pods as pods_
from tui.render import rollouts
from tui.render.age import age
from tui.render.text import Line, Span, between, fit, fit_line


def rollout_detail(
    deployment: Deployment,
    sets: Iterable[ReplicaSet],
    pods: Sequence[Pod],
    now: float,
    cells: int,
) -> list[Line]:
    """All there is to say about a rollout, in lines."""
    own = rollouts.sets_of(deployment, sets)
    lines = [_title(deployment, cells), []]
    lines += _bounds(deployment, own, cells)
    lines += [[], [Span(say("Revisions"), "accent", is_bold=True)]]
    newest = own[0].metadata.uid if own else ""
    for item in own:
        lines += _revision(item, pods, now, cells, is_newest=item.metadata.uid == newest)
    if not own:
        lines.append([Span("  " + say("none yet"), "faint")])
    lines += [[], [Span(say("Conditions"), "accent", is_bold=True)]]
    for condition in deployment.status.conditions:
        tone = "ok" if condition.status == "True" else "bad"
        lines.append(
            [
                Span(f"  {'●' if tone == 'ok' else '✖'} ", tone, is_bold=True),
                Span(fit(condition.type, 16)),
                Span(fit(condition.status, 8), tone),
                Span(fit(f"{condition.reason}  {condition.message}", max(10, cells - 30)), "dim"),
            ]
        )
    return lines


def _title(deployment: Deployment, cells: int) -> Line:
    state = rollouts.rollout_state(deployment)
    status = deployment.status
    left = [
        Span(f"{state.symbol} {deployment.metadata.name}", state.tone, is_bold=True),
        Span(f"  {state.word}", state.tone),
    ]
    right = [
        Span(f"{status.updated_replicas} {say('updated')}  ", "dim"),
        Span(f"{status.ready_replicas} {say('ready')}  ", "dim"),
        Span(f"{status.available_replicas} {say('available')}  ", "dim"),
        Span(f"/ {rollouts.wanted(deployment)} ", "", is_bold=True),
    ]
    return between(left, right, cells)


def _bounds(deployment: Deployment, own: Sequence[ReplicaSet], cells: int) -> list[Line]:
    low, high = rollouts.bounds(deployment)
    total = sum(max(0, item.status.replicas) for item in own)
    available = deployment.status.available_replicas
    bar = rollouts.rollout_bar(deployment, own, max(10, cells - 2))
    words: Line = [
        Span(say("at least") + " ", "dim"),
        Span(f"{low}", "", is_bold=True),
        Span(f" {say('available')} ", "dim"),
        Span(f"({say('now')} {available})", "ok" if available >= low else "bad"),
        Span(f"   {say('at most')} ", "dim"),
        Span(f"{high}", "", is_bold=True),
        Span(f" {say('pods')} ", "dim"),
        Span(f"({say('now')} {total})", "ok" if total <= high else "bad"),
        Span("   " + say("█ ready  ▒ not ready  ░ free  ┆ lower bound"), "faint"),
    ]
    legend = rollouts.legend(deployment, own)
    return [fit_line([Span("  "), *legend], cells), [Span("  "), *bar], [Span("  "), *words]]


def _revision(
    item: ReplicaSet, pods: Sequence[Pod], now: float, cells: int, *, is_newest: bool
) -> list[Line]:
    own = [
        pod
        for pod in pods
        if (owner := controller_of(pod)) is not None and owner.uid == item.metadata.uid
    ]
    own.sort(key=lambda pod: (pod.metadata.creation_timestamp or 0.0, pod.metadata.name))
    wanted = 1 if item.spec.replicas is None else item.spec.replicas
    tone = "ok" if is_newest else "done" if wanted or own else "faint"
    cause = item.metadata.annotations.get(rollouts.CHANGE_CAUSE, "")
    line = [
        Span(
            f"  {'▶' if is_newest else ' '} {rollouts.revision_of(item):>3}  ", tone, is_bold=True
        ),
        Span(fit(rollouts.tag_of(item), 8), tone, is_bold=True),
        Span(fit(f"{item.status.ready_replicas}/{wanted} ready", 12), "" if wanted else "faint"),
        Span(fit(age(item.metadata.creation_timestamp, now), 7), "dim"),
    ]
    for pod in own:
        state = pods_.pod_state(pod)
        name = pods_.suffix(pod) or pod.metadata.name
        line += [
            Span(f" {state.symbol} {name} ", state.tone, on=f"{state.tone}-soft"),
            Span(" "),
        ]
    if not own:
        line.append(Span(cause or rollouts.images(item), "faint"))
    return [fit_line(line, cells)]
