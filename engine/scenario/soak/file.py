"""A plan as a scenario file that replays it."""

import json
from collections.abc import Sequence

from engine.scenario.soak.plan import Action
from engine.scenario.soak.run import QUIET_SECONDS, Outcome


def scenario_text(plan: Sequence[Action], outcome: Outcome, *, nodes: int) -> str:
    """The TOML of a scenario that does *plan* and requires what *outcome* broke."""
    what = outcome.violation.invariant if outcome.violation else "*"
    words = str(outcome.violation) if outcome.violation else outcome.error
    lines = [
        'format = "kubarium.scenario/1"',
        f'id = "soak-{outcome.seed}"',
        f"title = {_text(f'Soak, seed {outcome.seed}: {outcome.kind}')}",
        f"summary = {_text(words)}",
        f"seed = {outcome.seed}",
        "",
        "[clock]",
        'mode = "virtual"',
        'limit = "30m"',
        "",
        "[invariants]",
        f"enable = [{_text(what)}]",
        "",
        "[[node]]",
        'name = "node-{i}"',
        f"count = {nodes}",
        'runtime = "sim"',
    ]
    for number, action in enumerate(plan, 1):
        if action.do == "apply":
            lines += ["", "[[manifest]]", f'id = "manifest-{number}"', "yaml = '''"]
            lines += [*action.text.rstrip().splitlines(), "'''"]
    before = 0.0
    for number, action in enumerate(plan, 1):
        lines += ["", "[[step]]", *_step(action, number)]
        lines.append(f'delay = "{max(0.0, round(action.at - before, 1))}s"')
        if action.params:
            values = ", ".join(f"{key} = {json.dumps(value)}" for key, value in action.params)
            lines.append(f"params = {{{values}}}")
        before = action.at
    lines += ["", "[[step]]", 'do = "sleep"', f'seconds = "{QUIET_SECONDS + 60:g}s"', ""]
    return "\n".join(lines)


def _step(action: Action, number: int) -> list[str]:
    match action.do:
        case "apply":
            return ['do = "apply"', f'manifests = ["manifest-{number}"]']
        case "delete":
            return ['do = "delete"', f"object = {_text(action.name.lower())}"]
        case "scale":
            return [
                'do = "scale"',
                f"object = {_text(action.name.lower())}",
                f"replicas = {action.replicas}",
            ]
        case "image":
            return [
                'do = "rollout"',
                'action = "set-image"',
                f"object = {_text(action.name.lower())}",
                f"image = {_text(action.text)}",
                'container = "web"',
            ]
    given = dict(action.target)
    target = []
    if "node" in given:
        target.append(f"nodes = [{_text(given['node'])}]")
    if "expression" in given:
        target.append(f"pods = {_text(given['expression'])}")
    if "component" in given:
        target.append(f"component = {_text(given['component'])}")
    if "mode" in given:
        target.append(f"mode = {_text(given['mode'])}")
        target += ["value = 30"] if given["mode"] == "fixed-percent" else []
    return [
        'do = "fault"',
        f"fault = {_text(action.fault)}",
        f"target = {{{', '.join(target)}}}",
        f'for = "{action.seconds}s"',
    ]


def _text(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)
