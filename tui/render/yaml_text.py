"""Objects as YAML with tones."""

import re
from typing import Any

import yaml

from engine.api.codec import encode_thawed
from engine.api.core import Secret
from engine.api.meta import ApiObject
from tui.render.text import Line, Span

_LINE = re.compile(r"^(\s*)((?:- )*)([^\s:#'\"][^:]*|'[^']*'|\"[^\"]*\"):(\s.*|$)")
_ITEM = re.compile(r"^(\s*)(- )(.*)$")
_NUMBER = re.compile(r"^-?\d+(\.\d+)?$")

HIDDEN = "••••••••"
"""What stands for the value of a secret."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and lists indented under their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's signature
        """Indent lists."""
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(
    obj: ApiObject, *, has_managed_fields: bool = False, shows_secrets: bool = False
) -> str:
    """*obj* as YAML, apiVersion and kind first; managed fields are left out unless asked for.

    The values of a Secret are marks, unless *shows_secrets*.
    """
    wire = encode_thawed(obj)
    if isinstance(obj, Secret) and not shows_secrets:
        _mask(wire)
    if not has_managed_fields:
        wire.get("metadata", {}).pop("managedFields", None)
    head: dict[str, Any] = {
        key: wire.pop(key) for key in ("apiVersion", "kind", "metadata") if key in wire
    }
    data: dict[str, Any] = {**head, **wire}
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=200,
    )
    return text


def _mask(wire: dict[str, Any]) -> None:
    """Hide what a Secret holds, also in what `kubectl apply` remembers of it."""
    for field in ("data", "stringData"):
        if field in wire:
            wire[field] = dict.fromkeys(wire[field], HIDDEN)
    annotations = wire.get("metadata", {}).get("annotations", {})
    if LAST_APPLIED in annotations:
        annotations[LAST_APPLIED] = HIDDEN


def yaml_lines(text: str) -> list[Line]:
    """YAML with tones: keys, numbers, words and texts."""
    return [_line(line) for line in text.splitlines()]


def _line(text: str) -> Line:
    match = _LINE.match(text)
    if match:
        indent, dash, key, value = match.groups()
        return [
            Span(indent),
            Span(dash, "dim"),
            Span(key, "primary"),
            Span(":", "dim"),
            Span(value, _value_tone(value.strip())),
        ]
    match = _ITEM.match(text)
    if match:
        indent, dash, value = match.groups()
        return [Span(indent), Span(dash, "dim"), Span(value, _value_tone(value.strip()))]
    return [Span(text, "ok")]


def _value_tone(value: str) -> str:
    if _NUMBER.match(value):
        return "wait"
    if value in ("true", "false", "null", "{}", "[]"):
        return "secondary"
    return "ok"
