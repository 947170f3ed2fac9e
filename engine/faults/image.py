"""Faults of the image registry, as a node's runtime meets it."""

from engine.api.kubarium import Fault
from engine.cri.commands import PullImage
from engine.faults.fault import Levers, Recovery, Target, settings
from engine.faults.gate import PullRule, RuntimeGate


def fail_pulls(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Every pull fails as it does when the registry is away; images that are here are no pulls."""
    given = settings(fault)
    wanted, words = str(given["image"]), str(given["message"])

    def rule(command: PullImage) -> str | None:
        if wanted not in command.image or command.never_pull:
            return None
        image = command.image
        reason = words or "dial tcp: connect: connection refused"
        return f'failed to pull and unpack image "{image}": failed to resolve reference: {reason}'

    return _with_rule(fault, target, levers, rule)


def slow_pulls(fault: Fault, target: Target, levers: Levers) -> Recovery:
    """Every pull takes longer."""
    given = settings(fault)
    wanted, seconds = str(given["image"]), float(given["seconds"])

    def rule(command: PullImage) -> float | None:
        return seconds if wanted in command.image and not command.never_pull else None

    return _with_rule(fault, target, levers, rule)


def _with_rule(fault: Fault, target: Target, levers: Levers, rule: PullRule) -> Recovery:
    names = target.nodes or tuple(levers.nodes)
    gates: list[RuntimeGate] = [levers.node(name).runtime for name in names]
    key = fault.metadata.uid
    for gate in gates:
        gate.pull_rules[key] = rule

    def mend() -> None:
        for gate in gates:
            gate.pull_rules.pop(key, None)

    return mend
