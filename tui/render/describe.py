"""An object described: how it is, whose it is, every field, its conditions and its events."""

import re
from collections.abc import Iterable
from typing import Any

from engine.api.apps import Deployment
from engine.api.codec import encode_thawed
from engine.api.core import Secret
from engine.api.events import Event
from engine.api.meta import ApiObject
from engine.api.node import Node
from engine.api.pod import Pod
from tui.render import nodes as nodes_
from tui.render import pods as pods_
from tui.render import rollouts
from tui.render.age import age
from tui.render.events import event_line, newest
from tui.render.text import Line, Span, State, fit

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UPPER = {"ip": "IP", "ips": "IPs", "uid": "UID", "id": "ID", "cidr": "CIDR", "dns": "DNS"}
_KEY_CELLS = 26


def describe(obj: ApiObject, events: Iterable[Event], now: float, cells: int) -> list[Line]:
    """The description of *obj*, with those of *events* that are about it."""
    wire = encode_thawed(obj)
    meta = wire.get("metadata", {})
    lines = [_head(obj), []]
    lines += _pairs("Name", obj.metadata.name)
    if obj.metadata.namespace:
        lines += _pairs("Namespace", obj.metadata.namespace)
    lines += _pairs("Age", age(obj.metadata.creation_timestamp, now))
    for owner in obj.metadata.owner_references:
        lines += _pairs("Controlled By", f"{owner.kind}/{owner.name}")
    for name in ("labels", "annotations"):
        lines += _mapping(name.title(), meta.get(name) or {})
    if meta.get("finalizers"):
        lines += _pairs("Finalizers", ", ".join(meta["finalizers"]))
    lines += _pairs("UID", obj.metadata.uid)
    lines += _pairs("Revision", obj.metadata.resource_version)
    body = {k: v for k, v in wire.items() if k not in ("apiVersion", "kind", "metadata")}
    if isinstance(obj, Secret):
        body["data"] = {key: f"{len(value) * 3 // 4} bytes" for key, value in obj.data.items()}
    for section, value in body.items():
        conditions = value.pop("conditions", None) if isinstance(value, dict) else None
        if value not in ({}, [], None, ""):
            lines += [[], [Span(_title(section), "accent", is_bold=True)]]
            lines += _tree(value, 1)
        if conditions:
            lines += [[], [Span("Conditions", "accent", is_bold=True)]]
            lines += _conditions(conditions, cells)
    lines += [[], [Span("Events", "accent", is_bold=True)], *_events(obj, events, now, cells)]
    return lines


def events_of(obj: ApiObject, events: Iterable[Event]) -> list[Event]:
    """The events about *obj*, newest first."""
    meta = obj.metadata
    return newest(
        event
        for event in events
        if event.involved_object.kind == obj.KIND
        and event.involved_object.name == meta.name
        and event.involved_object.namespace in ("", meta.namespace)
    )


def state_of(obj: ApiObject) -> State | None:
    """The object's state, for kinds that have one."""
    if isinstance(obj, Pod):
        return pods_.pod_state(obj)
    if isinstance(obj, Node):
        return nodes_.node_state(obj)
    if isinstance(obj, Deployment):
        return rollouts.rollout_state(obj)
    return None


def _head(obj: ApiObject) -> Line:
    line = [Span(f"{obj.KIND} ", "dim"), Span(obj.key, "title", is_bold=True)]
    state = state_of(obj)
    if state is not None:
        line.append(Span(f"   {state.symbol} {state.word}", state.tone, is_bold=True))
    return line


def _events(obj: ApiObject, events: Iterable[Event], now: float, cells: int) -> list[Line]:
    found = events_of(obj, events)
    if not found:
        return [[Span("  none are kept", "faint")]]
    return [
        [Span("  "), *event_line(event, now, max(60, cells - 4), is_about_shown=False)]
        for event in found[:50]
    ]


def _conditions(conditions: list[dict[str, Any]], cells: int) -> list[Line]:
    lines = []
    for condition in conditions:
        status = str(condition.get("status", ""))
        is_good = (status == "True") != _is_bad_when_true(str(condition.get("type", "")))
        tone = "dim" if status == "Unknown" else "ok" if is_good else "bad"
        symbol = "●" if is_good else "?" if status == "Unknown" else "✖"
        words = " ".join(str(condition.get(key, "")) for key in ("reason", "message")).strip()
        lines.append(
            [
                Span(f"  {symbol} ", tone, is_bold=True),
                Span(fit(str(condition.get("type", "")), 24)),
                Span(fit(status, 9), tone),
                Span(fit(words, max(10, cells - 40)).rstrip(), "dim"),
            ]
        )
    return lines


def _is_bad_when_true(type_: str) -> bool:
    return type_.endswith(("Pressure", "Unavailable", "Failure", "Failed"))


def _tree(value: Any, depth: int) -> list[Line]:
    pad = "  " * depth
    lines: list[Line] = []
    if isinstance(value, dict):
        for key, item in value.items():
            if item in ({}, [], None, ""):
                continue
            name = _title(key)
            if isinstance(item, dict) or (isinstance(item, list) and not _is_flat(item)):
                lines.append([Span(pad), Span(f"{name}:", "dim")])
                lines += _tree(item, depth + 1)
            else:
                shown = ", ".join(map(str, item)) if isinstance(item, list) else str(item)
                lines += _pairs(name, shown, pad)
        return lines
    if isinstance(value, list):
        for item in value:
            nested = _tree(item, depth)
            if nested:
                first = nested[0]
                bullet = [Span(pad[:-2] + "• ", "info"), *first[1:]] if first else first
                lines += [bullet, *nested[1:]]
        return lines
    return [[Span(pad), *[Span(part) for part in str(value).splitlines()[:1]]]]


def _pairs(name: str, value: str, pad: str = "") -> list[Line]:
    first, *rest = str(value).splitlines() or [""]
    cells = max(len(name) + 2, _KEY_CELLS - len(pad))
    lines: list[Line] = [
        [Span(pad), Span(fit(f"{name}:", cells), "dim"), Span(first, _tone(first))]
    ]
    lines += [[Span(pad), Span("  "), Span(line)] for line in rest[:200]]
    return lines


def _mapping(name: str, values: dict[str, str]) -> list[Line]:
    if not values:
        return _pairs(name, "<none>")
    lines: list[Line] = []
    for index, (key, value) in enumerate(values.items()):
        head = f"{name}:" if index == 0 else ""
        shown = value.replace("\n", " ")
        lines.append(
            [
                Span(""),
                Span(fit(head, _KEY_CELLS), "dim"),
                Span(f"{key}=", "info"),
                Span(shown if len(shown) < 160 else shown[:157] + "…"),
            ]
        )
    return lines


def _is_flat(items: list[Any]) -> bool:
    return all(not isinstance(item, dict | list) for item in items)


def _title(key: str) -> str:
    if not key[:1].islower() or not key.isalnum():
        return key
    words = _WORD.sub(" ", key).split()
    return " ".join(_UPPER.get(word.lower(), word[:1].upper() + word[1:]) for word in words)


def _tone(value: str) -> str:
    return "faint" if value == "<none>" else ""
