"""Reads a KubeSchedulerConfiguration file and checks it before anything is started."""

from pathlib import Path

import yaml

from engine.errors import ConfigError
from engine.scheduler.configuration import read_configuration


def read(path: Path) -> object:
    """The content of the file, known to be good.

    Raises:
        ConfigError: it cannot be read, is not YAML, or something in it is wrong.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    read_configuration(value, source=str(path))
    return value
