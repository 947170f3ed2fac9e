"""Plain data into the frozen types of the format; mistakes are said in words, with their place."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import attrs
from cattrs import ClassValidationError, Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override
from cattrs.v import format_exception

from engine.scenario.positions import Path
from engine.scenario.schema import StepBase
from engine.scenario.steps import STEPS

_PART = re.compile(r"\[(\d+)\]|\['([^']*)'\]|([^.\[\]]+)")
_MARK = "\x00"


class WrongValueError(ValueError):
    """A value of ours to explain; cattrs collects it with its place."""


def structure(data: Any, cls: Any) -> Any:
    """*data* as an instance of *cls*, which may hold steps and claims.

    Raises:
        ClassValidationError: it does not fit; see `mistakes_of`.
    """
    return _CONVERTER.structure(data, cls)


def mistakes_of(error: ClassValidationError) -> Iterable[tuple[Path, str]]:
    """Each mistake with the path of the key or the item where it is."""
    for line in transform_error(error, path="file", format_exception=_in_words):
        message, _, place = line.rpartition(" @ ")
        path = tuple(
            int(index) if index else name or key
            for index, name, key in _PART.findall(place.removeprefix("file"))
        )
        if _MARK not in message:
            yield tuple(_as_in_file(part) for part in path), message
            continue
        for found in message.split("\n"):
            key, _, words = found.partition(_MARK)
            yield (*(_as_in_file(part) for part in path), key), words


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` if one of *known* is close to *word*, else which there are."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; there is {', '.join(names)}" if names else ""


def _as_in_file(part: str | int) -> str | int:
    return part.rstrip("_") if isinstance(part, str) else part


def _in_words(error: BaseException, type_: type | None) -> str:
    if isinstance(error, WrongValueError):
        return str(error)
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name.rstrip("_") for field in attrs.fields(error.cl)]
        return "\n".join(
            f"{key}{_MARK}unknown key{suggestion(key, known)}" for key in sorted(error.extra_fields)
        )
    if isinstance(error, KeyError):
        return f'the key "{str(error.args[0]).rstrip("_")}" is missing'
    return str(format_exception(error, type_))


def _step(data: Any, _type: Any) -> StepBase:
    if not isinstance(data, dict):
        msg = f"a step was expected, a table with do, not {data!r}"
        raise WrongValueError(msg)
    kind = data.get("do")
    cls = STEPS.get(kind) if isinstance(kind, str) else None
    if cls is None:
        said = "the key is missing" if kind is None else f"{kind!r} is not a step"
        hint = suggestion(kind, STEPS) if isinstance(kind, str) else f"; one of {', '.join(STEPS)}"
        msg = f"do: {said}{hint}"
        raise WrongValueError(msg)
    made: StepBase = _CONVERTER.structure(data, cls)
    return made


def _strict(cls: type[Any]) -> Any:
    renames = {
        field.name: override(rename=field.name.rstrip("_"))
        for field in attrs.fields(cls)
        if field.name.endswith("_")
    }
    return make_dict_structure_fn(
        cls,
        _CONVERTER,
        _cattrs_forbid_extra_keys=True,
        **renames,  # type: ignore[arg-type]  # keyed by attribute name
    )


def _table_first(cls: type[Any]) -> Any:
    fill = _strict(cls)

    def check(data: Any, type_: Any) -> Any:
        if not isinstance(data, dict):
            msg = f"a table was expected, not {data!r}"
            raise WrongValueError(msg)
        return fill(data, type_)

    return check


def _text(value: Any, _type: Any) -> str:
    if not isinstance(value, str):
        msg = f"text was expected, not {value!r}"
        raise WrongValueError(msg)
    return value


def _truth(value: Any, _type: Any) -> bool:
    if not isinstance(value, bool):
        msg = f"true or false was expected, not {value!r}"
        raise WrongValueError(msg)
    return value


def _integer(value: Any, _type: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"a whole number was expected, not {value!r}"
        raise WrongValueError(msg)
    return value


def _number(value: Any, _type: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"a number was expected, not {value!r}"
        raise WrongValueError(msg)
    return float(value)


def _names(value: Any, _type: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    msg = f"a name or a list of names was expected, not {value!r}"
    raise WrongValueError(msg)


_CONVERTER = Converter(forbid_extra_keys=True)
for _type, _hook in ((str, _text), (bool, _truth), (int, _integer), (float, _number)):
    _CONVERTER.register_structure_hook(_type, _hook)
_CONVERTER.register_structure_hook_factory(
    lambda type_: attrs.has(type_) and type_ is not StepBase, _table_first
)
_CONVERTER.register_structure_hook_func(lambda type_: type_ is StepBase, _step)
_CONVERTER.register_structure_hook_func(lambda type_: type_ == str | tuple[str, ...], _names)


def _list_first(type_: Any) -> Any:
    (item, *_more) = type_.__args__

    def check(data: Any, _type: Any) -> Any:
        if not isinstance(data, list | tuple):
            msg = f"a list was expected, not {data!r}"
            raise WrongValueError(msg)
        return tuple(_CONVERTER.structure(list(data), list[item]))  # type: ignore[valid-type]

    return check


_CONVERTER.register_structure_hook_factory(
    lambda type_: getattr(type_, "__origin__", None) is tuple, _list_first
)
