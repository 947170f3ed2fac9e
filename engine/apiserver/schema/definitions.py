"""The published OpenAPI definitions of Kubernetes, read as data from the package that carries them.

Knows the names of definitions and which kind each one describes, nothing about what they mean.
"""

import functools
import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs

from engine.errors import ConfigError

VERSION = "v1.34.0"
REF_PREFIX = "#/$defs/"

_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"


@attrs.frozen(eq=False)
class Definitions:
    """Every published type by name, and the name of each kind.

    A definition is OpenAPI as kube-apiserver publishes it: plain types, references written
    ``#/$defs/NAME``. Callers must not change what they get.
    """

    by_name: Mapping[str, dict[str, Any]]
    by_kind: Mapping[tuple[str, str, str], str]

    def of_kind(self, group: str, version: str, kind: str) -> str | None:
        """The definition's name for a kind, or None if Kubernetes publishes none."""
        return self.by_kind.get((group, version, kind))


@functools.cache
def published() -> Definitions:
    """The definitions of Kubernetes `VERSION`, read once per process.

    Raises:
        ConfigError: the package that carries them is not installed, or not with this version.
    """
    by_name = {name: _plain(raw) for name, raw in json.loads(_file().read_bytes())["$defs"].items()}
    by_name[_QUANTITY] = {"type": "string", "format": "quantity"}
    by_name[_INT_OR_STRING] = {"type": "string", "format": "int-or-string"}
    by_kind = {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, definition in by_name.items()
        for gvk in definition.get("x-kubernetes-group-version-kind", ())
    }
    return Definitions(by_name, by_kind)


def _file() -> Path:
    spec = find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise ConfigError("the package kubernetes-validate, which carries the schema, is missing")
    folder = Path(spec.origin).parent / "kubernetes-json-schema" / f"{VERSION}-local"
    path = folder / "_definitions.json"
    if not path.is_file():
        raise ConfigError(f"kubernetes-validate carries no schema of Kubernetes {VERSION}: {path}")
    return path


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Undo what the package adds for JSON schema validators: null types, kinds as enums."""
    plain = dict(schema)
    if isinstance(kinds := plain.get("type"), list):
        plain["type"] = next(kind for kind in kinds if kind != "null")
    if "properties" in plain:
        properties = {name: _plain(part) for name, part in plain["properties"].items()}
        if "x-kubernetes-group-version-kind" in plain:
            for name in ("apiVersion", "kind"):
                properties.get(name, {}).pop("enum", None)
        plain["properties"] = properties
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = _plain(plain[key])
    return plain
