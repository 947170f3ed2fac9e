"""The nodes of a lab or scenario as a cluster has them."""

import attrs

from engine.api.frozen import FrozenDict
from engine.api.node import Taint
from engine.api.quantity import parse_int, parse_millis
from engine.config import NodeConfig, make_nodes
from engine.scenario.schema import NodeSpec, ScenarioError


def node_configs(
    specs: tuple[NodeSpec, ...], base: tuple[NodeConfig, ...]
) -> tuple[NodeConfig, ...]:
    """*base* (a control plane and as many workers as needed) with what *specs* say of the workers.

    Raises:
        ScenarioError: a taint is not ``key=value:Effect``.
    """
    wanted = [
        (spec, spec.name.replace("{i}", str(number)).replace("{i:04}", f"{number:04}"))
        for spec in specs
        for number in range(1, spec.count + 1)
    ]
    if not wanted:
        return base
    head = tuple(node for node in base if node.is_control_plane)
    workers = tuple(node for node in base if not node.is_control_plane)
    return head + tuple(
        attrs.evolve(
            node,
            name=name,
            cpu=parse_millis(spec.cpu),
            memory=parse_int(spec.memory),
            zone=spec.zone,
            labels=FrozenDict(spec.labels),
            taints=tuple(_taint(text) for text in spec.taints),
        )
        for (spec, name), node in zip(wanted, workers, strict=True)
    )


def simulated_nodes(specs: tuple[NodeSpec, ...]) -> tuple[NodeConfig, ...]:
    """Nodes of a simulated cluster; three without *specs*."""
    return node_configs(specs, make_nodes(sum(spec.count for spec in specs) or 3))


def _taint(text: str) -> Taint:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    if not key or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
        raise ScenarioError(f'taint "{text}" is not of the form key=value:Effect')
    return Taint(key=key, value=value, effect=effect)
