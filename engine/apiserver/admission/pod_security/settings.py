"""What PodSecurity is told: levels where namespaces say nothing, and who is exempt.

Source: k8s.io/pod-security-admission admission/api (v1, validation), kubernetes v1.34.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from engine.apiserver.admission.pod_security.baseline import LATEST
from engine.errors import ConfigError

LEVELS = ("privileged", "baseline", "restricted")
MODES = ("enforce", "audit", "warn")
VERSION = re.compile(r"latest|v1\.(0|[1-9][0-9]*)")

KIND = "PodSecurityConfiguration"
GROUP = "pod-security.admission.config.k8s.io"
_VERSIONS = ("v1", "v1beta1", "v1alpha1")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_LENGTH = 63
_SUBDOMAIN_LENGTH = 253


@attrs.frozen
class Policy:
    """A level, and the version of Kubernetes whose standards it means."""

    level: str = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    @property
    def minor(self) -> int:
        """The minor version of the standards."""
        return LATEST if self.version == "latest" else int(self.version.removeprefix("v1."))


@attrs.frozen(kw_only=True)
class PodSecuritySettings:
    """The levels of namespaces without labels, and users, namespaces and classes left alone."""

    enforce: Policy = Policy()
    audit: Policy = Policy()
    warn: Policy = Policy()
    usernames: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()

    @property
    def is_open(self) -> bool:
        """Whether namespaces that say nothing take every pod in silence."""
        return self.enforce.level == self.audit.level == self.warn.level == "privileged"

    def default_of(self, mode: str) -> Policy:
        """What holds for *mode* in a namespace that says nothing of it."""
        found: Policy = getattr(self, mode)
        return found


def read_settings(value: Any, *, where: str) -> PodSecuritySettings:
    """What a PodSecurityConfiguration says; *where* it stands begins every message.

    Raises:
        ConfigError: something in it is wrong; every fault is named by its field.
    """
    known = [f"{GROUP}/{version}" for version in _VERSIONS]
    if not isinstance(value, Mapping) or value.get("kind") != KIND:
        raise ConfigError(f"{where}: kind: {KIND} was expected")
    if value.get("apiVersion") not in known:
        raise ConfigError(f"{where}: apiVersion: one of {', '.join(known)} was expected")
    faults = [*_unknown(value, ("apiVersion", "kind", "defaults", "exemptions"), "")]
    defaults = _part(value, "defaults", faults)
    names = [name for mode in MODES for name in (mode, f"{mode}-version")]
    faults += _unknown(defaults, names, "defaults.")
    enforce, audit, warn = (_policy(defaults, mode, faults) for mode in MODES)
    exempt = _part(value, "exemptions", faults)
    faults += _unknown(exempt, ("usernames", "runtimeClasses", "namespaces"), "exemptions.")
    settings = PodSecuritySettings(
        enforce=enforce,
        audit=audit,
        warn=warn,
        usernames=_texts(exempt, "usernames", 0, faults),
        runtime_classes=_texts(exempt, "runtimeClasses", _SUBDOMAIN_LENGTH, faults),
        namespaces=_texts(exempt, "namespaces", _LABEL_LENGTH, faults),
    )
    if faults:
        raise ConfigError(f"{where}: " + "; ".join(faults))
    return settings


def _part(value: Mapping[str, Any], name: str, faults: list[str]) -> Mapping[str, Any]:
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        faults.append(f"{name}: an object was expected")
        return {}
    return found


def _policy(defaults: Mapping[str, Any], mode: str, faults: list[str]) -> Policy:
    level = defaults.get(mode) or "privileged"
    version = defaults.get(f"{mode}-version") or "latest"
    if level not in LEVELS:
        said = f'Invalid value: "{level}": must be one of {", ".join(LEVELS)}'
        faults.append(f"defaults.{mode}: {said}")
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        said = f'Invalid value: "{version}": must be "latest" or "v1.x"'
        faults.append(f"defaults.{mode}-version: {said}")
    return Policy(str(level), str(version))


def _texts(exempt: Mapping[str, Any], name: str, longest: int, faults: list[str]) -> frozenset[str]:
    """The names in a list; those with a *longest* length have to be names of objects."""
    found = exempt.get(name) or ()
    if isinstance(found, str) or not isinstance(found, Sequence):
        faults.append(f"exemptions.{name}: a list was expected")
        return frozenset()
    seen: dict[str, None] = {}
    for index, text in enumerate(found):
        path = f"exemptions.{name}[{index}]"
        if not isinstance(text, str) or not text:
            faults.append(f"{path}: Invalid value: {text!r}: must not be empty")
        elif text in seen:
            faults.append(f'{path}: Duplicate value: "{text}"')
        elif longest and not _is_name(text, longest):
            faults.append(f'{path}: Invalid value: "{text}": must be a name of lower case letters,'
                          " digits and '-'")  # fmt: skip
        else:
            seen[text] = None
    return frozenset(seen)


def _is_name(text: str, longest: int) -> bool:
    parts = text.split(".") if longest > _LABEL_LENGTH else [text]
    return len(text) <= longest and all(_NAME.fullmatch(part) for part in parts)


def _unknown(value: Mapping[str, Any], known: Sequence[str], path: str) -> list[str]:
    return [
        f"{path}{name}: unknown field; there is {', '.join(known)}"
        for name in value
        if name not in known
    ]
