"""Reads configuration files of components and checks them before anything is started."""

from collections.abc import Callable
from pathlib import Path

import yaml

from engine.apiserver.admission.configuration import plugins_in, read_admission
from engine.apiserver.admission.pod_security.settings import read_settings
from engine.errors import ConfigError
from engine.kubelet.configuration import read_configuration as read_kubelet
from engine.scheduler.configuration import read_configuration as read_scheduler


def read_scheduler_config(path: Path) -> object:
    """The content of a KubeSchedulerConfiguration, known to be good.

    Raises:
        ConfigError: it cannot be read, is not YAML, or something in it is wrong.
    """
    return _read(path, lambda value: read_scheduler(value, source=str(path)))


def read_kubelet_config(path: Path) -> object:
    """The content of a KubeletConfiguration, known to be good.

    Raises:
        ConfigError: it cannot be read, is not YAML, or something in it is wrong.
    """
    return _read(path, lambda value: read_kubelet(value, source=str(path)))


def read_admission_config(path: Path) -> object:
    """The content of an AdmissionConfiguration, known to be good; files it names are put in.

    Raises:
        ConfigError: a file cannot be read, is not YAML, or something in it is wrong.
    """
    value = _load(path)
    plugins = []
    for where, plugin in plugins_in(value, source=str(path)):
        named = plugin.get("path")
        if not named or plugin.get("configuration") is not None:
            plugins.append({name: each for name, each in plugin.items() if name != "path"})
            continue
        beside = path.parent / str(named)
        try:
            content = _load(beside)
        except ConfigError as error:
            raise ConfigError(f"{where}.path: {error}") from error
        plugins.append({"name": plugin["name"], "configuration": content})
        if plugin["name"] == "PodSecurity":
            read_settings(content, where=str(beside))
    assert isinstance(value, dict)  # plugins_in takes nothing else
    whole = {**value, "plugins": plugins}
    read_admission(whole, source=str(path))
    return whole


def _read(path: Path, check: Callable[[object], object]) -> object:
    value = _load(path)
    check(value)
    return value


def _load(path: Path) -> object:
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    return loaded
