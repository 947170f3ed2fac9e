"""Writes the kubeconfig that kubectl finds a cluster with."""

import os
from pathlib import Path

import yaml


def kubeconfig(*, server: str, name: str, namespace: str = "default") -> str:
    """The text of a kubeconfig whose only context is *name*, for the server at that URL."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": f"{name}-admin", "user": {}}],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": name, "user": f"{name}-admin", "namespace": namespace},
            }
        ],
        "current-context": name,
        "preferences": {},
    }
    return str(yaml.safe_dump(document, sort_keys=False))


def write_kubeconfig(path: Path, *, server: str, name: str) -> None:
    """Write the kubeconfig to *path*, readable for its owner only, in one step.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(kubeconfig(server=server, name=name))
    draft.replace(path)
