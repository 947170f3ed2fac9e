"""Questions about nodes that are otherwise, in words: ``node-1 cpu=+1``, ``+node``. Pure."""

import re
from typing import Any

from engine.api.frozen import freeze
from engine.api.kubarium import WhatIf
from engine.api.meta import ObjectMeta
from engine.errors import ConfigError

FORMS = (
    "NODE cpu=+1, NODE memory=16Gi, NODE taint=KEY-, NODE taint=KEY=VALUE:NoSchedule,"
    " NODE label=KEY=VALUE, NODE label=KEY-, NODE uncordon, NODE cordon, NODE remove,"
    " +node, +3 nodes, +node like NODE"
)
"""All that can be asked."""

_ADD = re.compile(r"^\+\s*(?:(\d+)\s*)?nodes?(?:\s*(?:=|like)?\s*(\S+))?$")
_TAINT = re.compile(r"^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$")


def what_if(namespace: str, pod: str, questions: list[str]) -> WhatIf:
    """The question about a pod as an object.

    Raises:
        ConfigError: one of the words is not understood.
    """
    changes = tuple(parse_change(text) for text in questions)
    return WhatIf(
        metadata=ObjectMeta(name=pod, namespace=namespace),
        spec=freeze({"pod": pod, "changes": changes}),
    )


def parse_change(text: str) -> dict[str, Any]:
    """One change, as a WhatIf has it.

    Raises:
        ConfigError: it is not understood; the message shows what can be said.
    """
    stripped = text.strip()
    added = _ADD.match(stripped)
    if added:
        number, like = added.groups()
        change: dict[str, Any] = {"addNode": {"like": like} if like else {}}
        return {**change, "count": int(number)} if number else change
    head, *words = re.split(r"[\s,]+|:(?=[a-z.\-/]+[=+-]|(?:un)?cordon|remove)", stripped)
    name = head.removeprefix("node/").removeprefix("nodes/").rstrip(":")
    if not name or not words:
        raise _not_understood(text)
    found: dict[str, Any] = {"node": name}
    for word in filter(None, words):
        _add_word(found, word, text)
    return found


def _add_word(found: dict[str, Any], word: str, text: str) -> None:
    if word in ("cordon", "uncordon"):
        found["unschedulable"] = word == "cordon"
        return
    if word == "remove":
        found["remove"] = True
        return
    key, equals, value = word.partition("=")
    if not equals:
        # cpu+1 is cpu=+1.
        match = re.match(r"^([a-z][\w./-]*?)([+-]\d\S*)$", word)
        if match is None:
            raise _not_understood(text)
        key, value = match.groups()
    if key == "taint":
        taint = _TAINT.match(value)
        if value.endswith("-"):
            found.setdefault("withoutTaints", []).append(value[:-1].partition(":")[0])
        elif taint:
            name, given, effect = taint.groups()
            found.setdefault("withTaints", []).append(
                {"key": name, "value": given or "", "effect": effect}
            )
        else:
            raise _not_understood(text)
    elif key == "label":
        name, equals, given = value.partition("=")
        if not equals and not name.endswith("-"):
            raise _not_understood(text)
        found.setdefault("labels", {})[name if equals else name[:-1]] = given if equals else None
    else:
        found.setdefault("resources", {})[key] = value


def _not_understood(text: str) -> ConfigError:
    return ConfigError(f"what if {text!r}? That is not understood; say one of: {FORMS}")
