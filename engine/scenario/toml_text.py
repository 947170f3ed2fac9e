"""Plain data as TOML, laid out as people write scenarios: tables in full, small things inline."""

import json
import re
from collections.abc import Mapping
from typing import Any

Table = dict[str, Any]
_BARE = re.compile(r"^[A-Za-z0-9_-]+$")


def dump(data: Mapping[str, Any]) -> str:
    """A whole file: plain keys, then tables, then arrays of tables."""
    plain = [f"{_key(k)} = {_value(v)}" for k, v in data.items() if not _is_table(v)]
    parts = ["\n".join(plain)]
    for key, value in data.items():
        if isinstance(value, Mapping):
            parts.append("\n".join([f"[{_key(key)}]", *_pairs(value)]))
        elif _is_table(value):
            parts += ["\n".join([f"[[{_key(key)}]]", *_pairs(item)]) for item in value]
    return "\n\n".join(parts) + "\n"


def _is_table(value: Any) -> bool:
    is_array = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    return isinstance(value, Mapping) or is_array


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in table.items()]


def _key(key: str) -> str:
    return key if _BARE.match(key) else json.dumps(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return _text(value)
        case Mapping():
            inner = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items())
            return "{" + inner + "}"
        case list() | tuple():
            if value and isinstance(value[0], Mapping):
                return "[\n" + "".join(f"  {_value(item)},\n" for item in value) + "]"
            return "[" + ", ".join(_value(item) for item in value) + "]"
    msg = f"{value!r} has no form in TOML"
    raise TypeError(msg)


def _text(text: str) -> str:
    if "\n" in text and "'''" not in text and text.isprintable() is False and "\r" not in text:
        return f"'''\n{text}'''"
    if "\n" not in text and '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
