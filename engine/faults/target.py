"""From a fault's target to the nodes and pods it means."""

import math
from typing import TypeVar

from engine.api.kubarium import Fault, FaultTarget
from engine.api.pod import Pod
from engine.api.selectors import matches
from engine.faults.fault import FaultError, Levers, Target
from engine.kernel.rng import Stream

T = TypeVar("T")


def resolve(fault: Fault, levers: Levers) -> Target:
    """What the fault's target names, at this moment.

    Raises:
        FaultError: it names nothing that exists.
        UnavailableError: pods were to be looked up and the API server does not answer.
    """
    wanted = fault.spec.target
    for name in wanted.nodes:
        levers.node(name)
    stream = levers.random[f"fault/{fault.metadata.name}"]
    pods = _pods(wanted, levers)
    if (wanted.pods or wanted.selector is not None) and not pods:
        msg = f"no pod in namespace {wanted.namespace or 'default'} matches the fault's target"
        raise FaultError(msg)
    return Target(
        nodes=choose(wanted.nodes, wanted, stream),
        pods=choose(pods, wanted, stream),
        component=wanted.component,
    )


def _pods(wanted: FaultTarget, levers: Levers) -> tuple[Pod, ...]:
    if not wanted.pods and wanted.selector is None:
        return ()
    namespace = wanted.namespace or "default"
    found = levers.client.list(Pod, namespace=namespace).items
    if wanted.pods:
        return tuple(pod for pod in found if pod.metadata.name in wanted.pods)
    return tuple(pod for pod in found if matches(wanted.selector, pod.metadata.labels))


def choose(items: tuple[T, ...], wanted: FaultTarget, stream: Stream) -> tuple[T, ...]:
    """Those of *items* that the target's mode hits, in their order."""
    match wanted.mode:
        case "" | "all":
            return items
        case "one":
            count = 1
        case "fixed":
            count = wanted.value
        case "fixed-percent":
            count = math.ceil(len(items) * wanted.value / 100)
        case "random-max-percent":
            count = math.ceil(len(items) * stream.uniform(0, wanted.value) / 100)
        case other:
            msg = f'"{other}" is not a mode: one, all, fixed, fixed-percent, random-max-percent'
            raise FaultError(msg)
    hit = sorted(stream.sample(range(len(items)), min(count, len(items))))
    return tuple(items[index] for index in hit)
