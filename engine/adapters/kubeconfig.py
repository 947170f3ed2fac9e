"""The file that tells kubectl where the cluster is."""

import os
from pathlib import Path

import yaml

from engine.errors import AdapterError


def write_kubeconfig(path: Path, *, server: str, name: str, user: str = "kubernetes-admin") -> None:
    """Write a kubeconfig with one cluster to *path*, readable by its owner alone.

    The file appears whole: what was there before is replaced at once.

    Raises:
        AdapterError: it cannot be written.
    """
    context = f"{user}@{name}"
    data = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": user, "user": {}}],
        "contexts": [{"name": context, "context": {"cluster": name, "user": user}}],
        "current-context": context,
    }
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yaml.safe_dump(data, file, sort_keys=False)
        part.replace(path)
    except OSError as error:
        raise AdapterError(f"the kubeconfig cannot be written to {path}: {error}") from error


def server_of(path: Path, *, context: str = "") -> tuple[str, str]:
    """The name of a context and the server it leads to; an empty *context* means the current one.

    Raises:
        AdapterError: the file cannot be read, or has no such context.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        wanted = context or data["current-context"]
        found = next(entry for entry in data["contexts"] if entry["name"] == wanted)
        cluster = found["context"]["cluster"]
        entry = next(entry for entry in data["clusters"] if entry["name"] == cluster)
        return str(wanted), str(entry["cluster"]["server"])
    except (OSError, yaml.YAMLError) as error:
        msg = f"{path} cannot be read: {error}; start `kubarium serve` first, or give --kubeconfig"
        raise AdapterError(msg) from error
    except (KeyError, TypeError, StopIteration) as error:
        raise AdapterError(f"{path} is not a kubeconfig with a usable context") from error
