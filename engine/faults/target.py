"""From a fault's target to the nodes and pods it means."""

import math
from typing import TypeVar

import attrs

from engine.api.fault_catalogue import CATALOGUE
from engine.api.kubarium import Fault, FaultTarget
from engine.api.node import Node
from engine.api.pod import Pod
from engine.api.selectors import matches, parse_selector
from engine.apiserver.errors import ApiError, NotFoundError
from engine.client.client import Client
from engine.faults.fault import FaultError, Levers, Target
from engine.kernel.rng import RandomStreams, Stream

T = TypeVar("T")


def is_gone(pod: Pod, client: Client) -> bool:
    """Whether *pod* is no more, or another has its name. While nobody can tell, it is there."""
    try:
        found = client.get(Pod, pod.metadata.name, namespace=pod.metadata.namespace)
    except NotFoundError:
        return True
    except ApiError:
        return False
    return found.metadata.uid != pod.metadata.uid


def resolve(fault: Fault, levers: Levers) -> Target:
    """What the fault's target names, at this moment.

    Raises:
        FaultError: it names nothing that exists.
        UnavailableError: objects were to be looked up and the API server does not answer.
    """
    wanted = fault.spec.target
    kind = CATALOGUE.get(fault.spec.type)
    hits_pods = kind is not None and kind.hits == "pods"
    stream = chance_of(fault, levers)
    nodes = _nodes(wanted, levers)
    pods = _pods(wanted, levers, nodes) if hits_pods else ()
    if hits_pods and not pods:
        raise FaultError(_nobody(wanted, nodes))
    if kind is not None and kind.hits == "nodes" and kind.needs_target and not nodes:
        raise FaultError("no node matches the fault's target")
    if hits_pods:
        return Target(pods=choose(pods, wanted, stream))
    return Target(nodes=choose(nodes, wanted, stream), component=wanted.component)


def chance_of(fault: Fault, levers: Levers) -> Stream:
    """The chance of this fault: by its own seed if it has one, else by the cluster's."""
    seed = fault.spec.seed
    if seed is not None:
        return RandomStreams(seed)["fault"]
    return levers.random[f"fault/{fault.metadata.name}"]


def _nobody(wanted: FaultTarget, nodes: tuple[str, ...]) -> str:
    where = "any namespace" if wanted.namespace == "*" else f"namespace {_namespace(wanted)}"
    on = f" on {', '.join(nodes)}" if nodes else ""
    return f"no pod in {where}{on} matches the fault's target"


def _namespace(wanted: FaultTarget) -> str:
    return wanted.namespace or "default"


def _nodes(wanted: FaultTarget, levers: Levers) -> tuple[str, ...]:
    for name in wanted.nodes:
        levers.node(name)
    if wanted.nodes:
        return wanted.nodes
    if wanted.node_selector is None and not wanted.node_expression:
        return ()
    expression = parse_selector(wanted.node_expression)
    return tuple(
        node.metadata.name
        for node in levers.client.list(Node).items
        if node.metadata.name in levers.nodes
        and expression.matches(node.metadata.labels)
        and (wanted.node_selector is None or matches(wanted.node_selector, node.metadata.labels))
    )


def _pods(wanted: FaultTarget, levers: Levers, nodes: tuple[str, ...]) -> tuple[Pod, ...]:
    names_pods = bool(wanted.pods or wanted.selector is not None or wanted.expression)
    if not names_pods and not nodes:
        return ()
    everywhere = wanted.namespace == "*" or (nodes and not wanted.namespace and not names_pods)
    namespace = None if everywhere else _namespace(wanted)
    expression = parse_selector(wanted.expression)
    return tuple(
        pod
        for pod in levers.client.list(Pod, namespace=namespace).items
        if (not wanted.pods or pod.metadata.name in wanted.pods)
        and (not nodes or pod.spec.node_name in nodes)
        and expression.matches(pod.metadata.labels)
        and (wanted.selector is None or matches(wanted.selector, pod.metadata.labels))
    )


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


def touched(target: Target) -> tuple[str, ...]:
    """The target in words."""
    found = target.nodes + tuple(pod.key for pod in target.pods)
    return (*found, target.component) if target.component else found


def only(target: Target, pods: tuple[Pod, ...]) -> Target:
    """*target* with other pods."""
    return attrs.evolve(target, pods=pods)
