"""Wire form <-> objects. The only module that knows camelCase, RFC 3339 and base JSON.

Fields that the engine does not read are kept in `extra` as frozen JSON, so that nothing a client
sent is lost.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_origin

import attrs
import orjson
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from engine.api.frozen import EMPTY, FrozenDict, freeze, thaw
from engine.api.meta import ApiObject
from engine.api.scheme import SCHEME, Scheme, make_kind
from engine.api.wire import IntOrString, MicroTime, Time, is_always_encoded, wire_name
from engine.errors import EngineError

T = TypeVar("T", bound=ApiObject)


class DecodeError(EngineError):
    """The wire form is not such an object; the message says where and why."""


def decode(data: Mapping[str, Any], *, scheme: Scheme = SCHEME) -> ApiObject:
    """The object that *data* describes, by its apiVersion and kind.

    Raises:
        DecodeError: the kind is unknown, or a field has an impossible value.
    """
    api_version, kind = data.get("apiVersion"), data.get("kind")
    cls = scheme.class_for(str(api_version or ""), str(kind or ""))
    if cls is None:
        msg = f'no kind "{kind}" is registered for version "{api_version}"'
        raise DecodeError(msg)
    return decode_as(cls, data)


def decode_as(cls: type[T], data: Mapping[str, Any]) -> T:
    """The object of class *cls* that *data* describes; its apiVersion and kind are not looked at.

    Raises:
        DecodeError: a field has an impossible value.
    """
    try:
        return _CONVERTER.structure(data, cls)
    except DecodeError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"{cls.KIND} cannot be decoded: {type(error).__name__}: {error}"
        raise DecodeError(msg) from error


def decode_json(data: bytes, *, scheme: Scheme = SCHEME) -> ApiObject:
    """The object in a JSON text.

    Raises:
        DecodeError: not JSON, not an object, or see `decode`.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        msg = f"not JSON: {error}"
        raise DecodeError(msg) from error
    if not isinstance(value, dict):
        msg = f"a JSON object was expected, not {type(value).__name__}"
        raise DecodeError(msg)
    return decode(value, scheme=scheme)


def decode_stored(data: bytes) -> ApiObject:
    """An object as the store keeps it: of any kind, those of custom resources too.

    Raises:
        DecodeError: not JSON, not an object, or a field has an impossible value.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        msg = f"not JSON: {error}"
        raise DecodeError(msg) from error
    if not isinstance(value, dict):
        msg = f"a JSON object was expected, not {type(value).__name__}"
        raise DecodeError(msg)
    api_version, kind = str(value.get("apiVersion", "")), str(value.get("kind", ""))
    cls = SCHEME.class_for(api_version, kind) or make_kind(api_version, kind)
    return decode_as(cls, value)


def encode(obj: ApiObject) -> dict[str, Any]:
    """The wire form of *obj*. Its maps and lists may be read-only: see `encode_thawed`."""
    result: dict[str, Any] = _CONVERTER.unstructure(obj)
    return result


def encode_both(old: ApiObject, new: ApiObject) -> tuple[dict[str, Any], dict[str, Any]]:
    """The wire forms of two versions of an object, both without the parts that they share."""
    if type(old) is not type(new):
        return encode(old), encode(new)
    cls: type[Any] = type(new)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, shown, default in _parts_of(cls):
        mine, theirs = getattr(old, name), getattr(new, name)
        if mine is theirs and name != "metadata":
            continue
        if not attrs.has(type(mine)) or not attrs.has(type(theirs)):
            return encode(old), encode(new)
        for part, form in ((mine, before), (theirs, after)):
            if default is attrs.NOTHING or part != default:
                form[shown] = _CONVERTER.unstructure(part)
    if old.extra is not new.extra:
        before |= old.extra
        after |= new.extra
    return before, after


_parts: dict[type[Any], tuple[tuple[str, str, Any], ...]] = {}


def _parts_of(cls: type[Any]) -> tuple[tuple[str, str, Any], ...]:
    """The fields of a kind: name, name on the wire, and the value that is not written, if any."""
    found = _parts.get(cls)
    if found is None:
        found = _parts[cls] = tuple(
            (field.name, wire_name(field), _unwritten(field))
            for field in attrs.fields(cls)
            if field.name != "extra"
        )
    return found


def _unwritten(field: "attrs.Attribute[Any]") -> Any:
    """The value of a field that is left out on the wire; NOTHING if it is always written."""
    if is_always_encoded(field):
        return attrs.NOTHING
    default: Any = field.default
    return default.factory() if hasattr(default, "factory") else default


def encode_thawed(obj: ApiObject) -> dict[str, Any]:
    """The wire form of *obj* made of plain dicts and lists that the caller may change."""
    result: dict[str, Any] = thaw(encode(obj))
    return result


def encode_json(obj: ApiObject) -> bytes:
    """*obj* as JSON."""
    return trimmed(orjson.dumps(encode(obj)))


def trimmed(data: bytes) -> bytes:
    """The same bytes in no more memory than they need.

    orjson's answers keep the buffer they were written in, of 4, 8, 16 … KiB: a copy of those that
    are kept is a quarter of the size.
    """
    return bytes(memoryview(data))


def encode_part(value: Any) -> Any:
    """The wire form of a part of an object: a PodSpec, a tuple of conditions."""
    if isinstance(value, tuple):
        return [_CONVERTER.unstructure(item) for item in value]
    return _CONVERTER.unstructure(value)


def decode_part(cls: type[Any], data: Any) -> Any:
    """A part of an object, an instance of the attrs class *cls*.

    Raises:
        DecodeError: a field has an impossible value.
    """
    try:
        return _CONVERTER.structure(data, cls)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"{cls.__name__} cannot be decoded: {type(error).__name__}: {error}"
        raise DecodeError(msg) from error


@lru_cache(maxsize=8192)
def format_time(seconds: float) -> str:
    """Epoch seconds as RFC 3339 with whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(seconds: float) -> str:
    """Epoch seconds as RFC 3339 with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str | float) -> float:
    """Epoch seconds of an RFC 3339 text.

    Raises:
        DecodeError: *text* is not RFC 3339.
    """
    if isinstance(text, int | float):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        msg = f"a time such as 2026-01-31T12:00:00Z was expected, not {text!r}"
        raise DecodeError(msg) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _structure_time(value: Any, _type: Any) -> float | None:
    return None if value is None else parse_time(value)


def _make_structure(cls: type[Any]) -> Callable[[Any, Any], Any]:
    fields = attrs.fields(cls)
    names = {field.name: wire_name(field) for field in fields if field.name != "extra"}
    overrides = {name: override(rename=shown) for name, shown in names.items()}
    has_extra = any(field.name == "extra" for field in fields)
    if has_extra:
        overrides["extra"] = override(omit=True)
    build = make_dict_structure_fn(
        cls,
        _CONVERTER,
        _cattrs_detailed_validation=False,
        _cattrs_include_init_false=False,
        **overrides,  # type: ignore[arg-type]  # the overrides are keyed by attribute name
    )
    known = frozenset(names.values())
    typed = known | {"apiVersion", "kind"} if issubclass(cls, ApiObject) else known

    def structure(data: Any, type_: Any) -> Any:
        if data is None:
            data = EMPTY
        if not isinstance(data, dict):
            msg = f"{cls.__name__}: an object was expected, not {type(data).__name__}"
            raise DecodeError(msg)
        obj = build(data, type_)
        if has_extra and not (data.keys() <= typed):
            extra = {
                key: freeze(value)
                for key, value in data.items()
                if key not in typed and value is not None
            }
            if extra:
                # The instance is ours alone until we return it.
                object.__setattr__(obj, "extra", FrozenDict(extra))
        return obj

    return structure


def _make_unstructure(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    overrides = {}
    for field in attrs.fields(cls):
        if field.name == "extra":
            overrides["extra"] = override(omit=True)
        else:
            overrides[field.name] = override(
                rename=wire_name(field), omit_if_default=not is_always_encoded(field)
            )
    build = make_dict_unstructure_fn(cls, _CONVERTER, **overrides)  # type: ignore[arg-type]  # as above
    has_extra = "extra" in overrides
    if issubclass(cls, ApiObject):
        api_version, kind = cls.API_VERSION, cls.KIND

        def unstructure_object(obj: Any) -> dict[str, Any]:
            return {"apiVersion": api_version, "kind": kind, **build(obj), **obj.extra}

        return unstructure_object
    if not has_extra:
        return build

    def unstructure(obj: Any) -> dict[str, Any]:
        data = build(obj)
        if obj.extra:
            data.update(obj.extra)
        return data

    return unstructure


def _is_frozen_map(type_: Any) -> bool:
    return type_ is FrozenDict or get_origin(type_) is FrozenDict


def _make_map_structure(type_: Any) -> Callable[[Any, Any], Any]:
    value_type = (get_args(type_) or (Any, Any))[1]
    if value_type is Time:
        return lambda data, _: FrozenDict(
            {key: parse_time(value) for key, value in (data or EMPTY).items()}
        )
    if value_type is str:
        # Quantities may come as numbers (cpu: 2).
        return lambda data, _: (
            FrozenDict(
                {
                    key: value if isinstance(value, str) else _text(value)
                    for key, value in data.items()
                }
            )
            if data
            else EMPTY
        )
    return lambda data, _: freeze(data) if data else EMPTY


def _make_map_unstructure(type_: Any) -> Callable[[Any], Any]:
    if (get_args(type_) or (Any, Any))[1] is Time:
        return lambda data: {key: format_time(value) for key, value in data.items()}
    return lambda data: data


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_tuple(type_: Any) -> bool:
    return get_origin(type_) is tuple


def _make_tuple_structure(type_: Any) -> Callable[[Any, Any], Any]:
    item_type = get_args(type_)[0]
    if item_type in (str, int) or item_type is Any:
        return lambda data, _: tuple(freeze(item) for item in data) if data else ()
    structure = _CONVERTER.get_structure_hook(item_type)

    def structure_tuple(data: Any, _type: Any) -> Any:
        if not data:
            return ()
        if not isinstance(data, list | tuple):
            msg = f"a list was expected, not {type(data).__name__}"
            raise DecodeError(msg)
        return tuple([structure(item, item_type) for item in data])

    return structure_tuple


def _make_tuple_unstructure(type_: Any) -> Callable[[Any], Any]:
    item_type = get_args(type_)[0]
    if item_type in (str, int) or item_type is Any:
        return lambda items: items
    unstructure = _CONVERTER.get_unstructure_hook(item_type)
    return lambda items: [unstructure(item) for item in items]


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=False, omit_if_default=True)
    converter.register_structure_hook(str, lambda value, _: "" if value is None else value)
    converter.register_structure_hook(int, lambda value, _: 0 if value is None else value)
    converter.register_structure_hook(bool, lambda value, _: bool(value))
    converter.register_structure_hook_func(lambda type_: type_ is Time, _structure_time)
    converter.register_structure_hook_func(lambda type_: type_ is MicroTime, _structure_time)
    converter.register_unstructure_hook_func(lambda type_: type_ is Time, format_time)
    converter.register_unstructure_hook_func(lambda type_: type_ is MicroTime, format_micro_time)
    for plain in (IntOrString, IntOrString | None):
        converter.register_structure_hook(plain, lambda value, _: value)
        converter.register_unstructure_hook(plain, lambda value: value)
    converter.register_structure_hook_func(
        lambda type_: type_ is Any, lambda value, _: freeze(value)
    )
    converter.register_unstructure_hook_func(lambda type_: type_ is Any, lambda value: value)
    return converter


_CONVERTER = _make_converter()
_CONVERTER.register_structure_hook_factory(attrs.has, _make_structure)
_CONVERTER.register_unstructure_hook_factory(attrs.has, _make_unstructure)
_CONVERTER.register_structure_hook_factory(_is_frozen_map, _make_map_structure)
_CONVERTER.register_unstructure_hook_factory(_is_frozen_map, _make_map_unstructure)
_CONVERTER.register_structure_hook_factory(_is_tuple, _make_tuple_structure)
_CONVERTER.register_unstructure_hook_factory(_is_tuple, _make_tuple_unstructure)
