"""Writes the kubeconfig that kubectl finds a cluster with."""

import base64
import os
from pathlib import Path

import yaml

from engine.adapters.pki import Credentials


def kubeconfig(
    *, server: str, name: str, ca: str, credentials: Credentials, namespace: str = "default"
) -> str:
    """The text of a kubeconfig whose only context is *name*, for the server at that URL.

    *ca* is who signed the server's certificate (PEM), *credentials* are the user's.
    """
    cluster = {"server": server, "certificate-authority-data": _data(ca)}
    user = {
        "client-certificate-data": _data(credentials.certificate),
        "client-key-data": _data(credentials.key),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": f"{name}-admin", "user": user}],
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


def write_kubeconfig(
    path: Path, *, server: str, name: str, ca: str, credentials: Credentials
) -> None:
    """Write the kubeconfig to *path*, readable for its owner only, in one step.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(kubeconfig(server=server, name=name, ca=ca, credentials=credentials))
    draft.replace(path)


def _data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
