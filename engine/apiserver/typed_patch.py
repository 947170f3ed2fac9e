"""Whether what an author applies is of the types its kind's schema declares, field by field.

Knows nothing of who owns fields. Unlike decoding it is strict, whatever the request's validation.

Source: sigs.k8s.io/structured-merge-diff v6, typed/validate.go and typed/helpers.go, and
k8s.io/apimachinery managedfields/internal/structuredmerge.go (Apply); kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from engine.apiserver.errors import BadRequestError, UntypedPatchError
from engine.apiserver.fieldpaths import KEYLESS, element_of, readable
from engine.apiserver.schema.node import Node

_ANY_SCALAR = frozenset({"quantity", "int-or-string", "time"})
_GO_TYPES: Mapping[type, str] = {
    bool: "bool",
    int: "int64",
    float: "float64",
    str: "string",
    dict: "map[string]interface {}",
    list: "[]interface {}",
}


def check_typed(config: Mapping[str, Any], node: Node | None, *, is_strict: bool = True) -> None:
    """Return if *config* fits *node*; without a schema everything does.

    Raises:
        UntypedPatchError: it does not; the message has each place and what is wrong there.
        BadRequestError: the same, of a request that is not strict. Kubernetes answers 500 there
            too; we blame who sent it, so that a 500 of ours always is a bug or was asked for.
    """
    if node is None:
        return
    faults = list(_faults(dict(config), node, ""))
    if not faults:
        return
    said = faults[0] if len(faults) == 1 else "\n".join(["errors:", *(f"  {x}" for x in faults)])
    metadata = config.get("metadata") or {}
    place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    kind = f"{config.get('apiVersion', '')}, Kind={config.get('kind', '')}"
    if "/" not in str(config.get("apiVersion", "")):
        kind = f"/{kind}"
    refused = UntypedPatchError if is_strict else BadRequestError
    raise refused(f"failed to create typed patch object ({place}; {kind}): {said}")


def _faults(value: Any, node: Node, path: str) -> Iterator[str]:
    if value is None or node.shape == "any":
        return
    if node.shape in ("object", "map"):
        yield from _faults_of_map(value, node, path)
    elif node.shape == "list":
        yield from _faults_of_list(value, node, path)
    elif wanted := _wanted(value, node):
        yield f"{path}: {wanted}"


def _faults_of_map(value: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected map, got {_as_value(value)}"
        return
    for key in sorted(value):
        child = node.child(key)
        if child is not None:
            yield from _faults(value[key], child, f"{path}.{key}")
        elif node.shape == "object" and not node.keeps_unknown:
            yield f"{path}.{key}: field not declared in schema"
            # The rest of this map is not looked at, as there.
            return


def _faults_of_list(value: Any, node: Node, path: str) -> Iterator[str]:
    if not isinstance(value, list | tuple):
        yield f"{path}: expected list, got {_as_value(value)}"
        return
    seen: dict[str, None] = {}
    for index, item in enumerate(value):
        step = f"[{index}]"
        if node.list_keys or node.is_set:
            fault = _keyless(item, node)
            if fault:
                yield f"{path}: element {index}: {fault}"
                return
            element = element_of(item, node)
            step = readable(element)
            if element in seen:
                yield f"{path}: duplicate entries for key {step}"
            seen[element] = None
        if node.item is not None:
            yield from _faults(item, node.item, path + step)


def _keyless(item: Any, node: Node) -> str:
    """What is wrong with the key of *item*; empty if nothing is."""
    if not node.list_keys:
        if item is None or isinstance(item, dict | list):
            return "associative list without keys has an element that's not a scalar"
        return ""
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, dict):
        return "associative list with keys may not have non-map elements"
    if element_of(item, node) != KEYLESS:
        return ""
    keys = " ".join(f'"{key}"' for key in node.list_keys)
    return (
        f"associative list with keys has an element that omits all key fields [{keys}] "
        "(and doesn't have default values for any key fields)"
    )


def _wanted(value: Any, node: Node) -> str:
    """What was expected of a scalar that is none such; empty if it is one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if node.shape in ("integer", "number"):
        return "" if is_number else f"expected numeric (int or float), got {_type_of(value)}"
    if node.shape == "boolean":
        return "" if isinstance(value, bool) else f"expected boolean, got {_type_of(value)}"
    if node.shape in _ANY_SCALAR:
        is_scalar = isinstance(value, str | int | float)
        return "" if is_scalar else f"expected any scalar, got {_as_value(value)}"
    if isinstance(value, str):
        return ""
    return f"expected string, got &value.valueUnstructured{{Value:{_as_go(value)}}}"


def _type_of(value: Any) -> str:
    return _GO_TYPES.get(type(value), "interface {}")


def _as_value(value: Any) -> str:
    """*value* as Go prints one that may be of any type."""
    return f"&{{{_as_text(value)}}}"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_as_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(_as_text(each) for each in value) + "]"
    return "<nil>" if value is None else str(value)


def _as_go(value: Any) -> str:
    """*value* in Go's own syntax."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        inside = ", ".join(f"{_as_go(key)}:{_as_go(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{inside}}}"
    if isinstance(value, list | tuple):
        return "[]interface {}{" + ", ".join(_as_go(each) for each in value) + "}"
    return "interface {}(nil)" if value is None else str(value)
