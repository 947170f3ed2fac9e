"""Inputs of the engine as JSON and back: attrs values by their class, API objects in wire form.

Only classes of the engine are ever made, so that a journal from elsewhere can run no code.
"""

import base64
import importlib
from collections.abc import Mapping
from typing import Any

import attrs

from engine.adapters.http.routes import Target
from engine.api.codec import decode, encode
from engine.api.frozen import FrozenDict
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, Resource, Scheme
from engine.errors import EngineError


class ValueProblem(EngineError):  # noqa: N818 - ValueError is taken
    """A value that cannot be put down, or one in a journal that means nothing."""


def to_data(value: Any) -> Any:  # noqa: C901 - one case a kind of value
    """*value* as plain JSON data.

    Raises:
        ValueProblem: it holds something that is no value, such as a callback.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return {"$": "float", "v": value.hex()}
        case bytes():
            return {"$": "bytes", "v": base64.b64encode(value).decode()}
        case Target():
            resource = value.resource
            names = [resource.group, resource.version, resource.plural]
            rest = [value.namespace, value.name, value.subresource, value.rest]
            return {"$": "target", "v": [*names, *rest]}
        case Resource():
            return {"$": "resource", "v": [value.group, value.version, value.plural]}
        case ApiObject():
            return {"$": "object", "v": _plain(encode(value))}
        case tuple():
            return {"$": "tuple", "v": [to_data(item) for item in value]}
        case list():
            return [to_data(item) for item in value]
        case Mapping():
            kind = "frozen" if isinstance(value, FrozenDict) else "map"
            return {"$": kind, "v": [[to_data(k), to_data(v)] for k, v in value.items()]}
        case type() if issubclass(value, ApiObject):
            return {"$": "kind", "v": [value.API_VERSION, value.KIND]}
    cls = type(value)
    if attrs.has(cls) and cls.__module__.startswith("engine."):
        fields = {
            field.name: to_data(getattr(value, field.name))
            for field in attrs.fields(cls)
            if field.init
        }
        return {"$": f"{cls.__module__}:{cls.__qualname__}", "v": fields}
    raise ValueProblem(f"{cls.__name__} is not a value that can be put down")


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _plain(item) for key, item in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(item) for item in data]
    return data


def from_data(data: Any, scheme: Scheme = SCHEME) -> Any:
    """The value that `to_data` has put down; kinds are looked up in *scheme*.

    Raises:
        ValueProblem: it means nothing here.
    """
    if isinstance(data, list):
        return [from_data(item, scheme) for item in data]
    if not isinstance(data, dict):
        return data
    try:
        kind, content = data["$"], data["v"]
        return _made(kind, content, scheme)
    except (KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise ValueProblem(f"a value in the journal means nothing here: {error}") from error


def _made(kind: str, content: Any, scheme: Scheme) -> Any:
    match kind:
        case "float":
            return float.fromhex(content)
        case "bytes":
            return base64.b64decode(content)
        case "tuple":
            return tuple(from_data(item, scheme) for item in content)
        case "map":
            return {from_data(k, scheme): from_data(v, scheme) for k, v in content}
        case "frozen":
            return FrozenDict({from_data(k, scheme): from_data(v, scheme) for k, v in content})
        case "object":
            return decode(content)
        case "kind":
            return scheme.class_for(*content) or _missing(content)
        case "resource":
            return scheme.by_path(*content) or _missing(content)
        case "target":
            resource = scheme.by_path(*content[:3]) or _missing(content)
            namespace, name, subresource, rest = content[3:]
            return Target(
                resource=resource,
                namespace=namespace,
                name=name,
                subresource=subresource,
                rest=rest,
            )
    return _instance(kind, {name: from_data(v, scheme) for name, v in content.items()})


def _missing(names: list[str]) -> Any:
    raise ValueProblem(f"no such kind is served: {'/'.join(names[:3])}")


def _instance(kind: str, fields: dict[str, Any]) -> Any:
    module, _, name = kind.partition(":")
    if not module.startswith("engine."):
        raise ValueProblem(f"{kind} is no class of the engine")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not attrs.has(found):
        raise ValueProblem(f"{kind} is no value class")
    return found(**{key.lstrip("_"): value for key, value in fields.items()})
