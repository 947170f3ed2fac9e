"""Reads configuration files of components and checks them before anything is started."""

from collections.abc import Callable
from pathlib import Path

import yaml

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


def _read(path: Path, check: Callable[[object], object]) -> object:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    check(value)
    return value
