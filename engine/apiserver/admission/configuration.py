"""Reads an AdmissionConfiguration: what admission plugins are told when the server starts.

Source: k8s.io/apiserver admission/config.go and apis/apiserver/v1, kubernetes v1.34.
"""

from collections.abc import Mapping
from typing import Any

from engine.apiserver.admission.pod_security.settings import PodSecuritySettings, read_settings
from engine.errors import ConfigError

GROUPS = ("apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1")
KIND = "AdmissionConfiguration"
_POD_SECURITY = "PodSecurity"
_FIELDS = ("name", "path", "configuration")


def read_admission(value: object, *, source: str) -> PodSecuritySettings:
    """What an AdmissionConfiguration of the file *source* says; without one (None) nothing is.

    Raises:
        ConfigError: something in it is wrong; the message has the file and the field.
    """
    if value is None:
        return PodSecuritySettings()
    settings = PodSecuritySettings()
    for where, plugin in plugins_in(value, source=source):
        if plugin["name"] != _POD_SECURITY:
            raise ConfigError(
                f'{where}.name: "{plugin["name"]}" takes no configuration here;'
                f" {_POD_SECURITY} does"
            )
        if plugin.get("configuration") is not None:
            settings = read_settings(plugin["configuration"], where=f"{where}.configuration")
    return settings


def plugins_in(value: object, *, source: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The plugins that an AdmissionConfiguration names, and where each stands.

    Raises:
        ConfigError: it is no such configuration, or an entry has no name, or two have the same.
    """
    if not isinstance(value, Mapping) or value.get("kind") != KIND:
        raise ConfigError(f"{source}: kind: {KIND} was expected")
    if value.get("apiVersion") not in GROUPS:
        raise ConfigError(f"{source}: apiVersion: {GROUPS[0]} was expected")
    for name in value:
        if name not in ("apiVersion", "kind", "plugins"):
            raise ConfigError(f"{source}: {name}: unknown field; there is plugins")
    plugins = value.get("plugins") or ()
    if not isinstance(plugins, list | tuple):
        raise ConfigError(f"{source}: plugins: a list was expected")
    found: list[tuple[str, Mapping[str, Any]]] = []
    for index, plugin in enumerate(plugins):
        where = f"{source}: plugins[{index}]"
        _check_entry(plugin, where)
        if any(plugin["name"] == other["name"] for _, other in found):
            raise ConfigError(f'{where}.name: Duplicate value: "{plugin["name"]}"')
        found.append((where, plugin))
    return found


def _check_entry(plugin: Any, where: str) -> None:
    if not isinstance(plugin, Mapping) or not isinstance(plugin.get("name"), str):
        raise ConfigError(f"{where}.name: the name of a plugin was expected")
    for name in plugin:
        if name not in _FIELDS:
            raise ConfigError(f"{where}.{name}: unknown field; there is {', '.join(_FIELDS)}")
