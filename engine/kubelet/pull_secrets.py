"""Logins for registries, out of a pod's image pull secrets: a pure function.

Source: credentialprovider/config.go and keyring.go, kubernetes v1.34.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from engine.api.core import Secret
from engine.api.frozen import FrozenDict
from engine.cri.image_name import repository

CONFIG_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
HUB = "index.docker.io"


def logins_for(image: str, secrets: Iterable[Secret]) -> tuple[FrozenDict[str, str], ...]:
    """The logins that may open the registry of *image*, the most specific first, each once.

    Each has ``username`` and ``password``, or ``identitytoken``. A secret that cannot be read
    gives none.
    """
    wanted = repository(image)
    found = [
        (place, login)
        for secret in secrets
        for place, login in _entries(secret)
        if is_meant(place, wanted)
    ]
    found.sort(key=lambda item: item[0], reverse=True)
    return tuple(dict.fromkeys(login for _, login in found))


def is_meant(place: str, wanted: str) -> bool:
    """Whether a login for *place* is good for the repository *wanted*.

    *place* is a host with an optional port and path; each part of the host may have wildcards.
    Images of Docker Hub are also meant by its old address.
    """
    host, _, path = _place(place).partition("/")
    if host == HUB:
        host = "docker.io"
    wanted_host, _, wanted_path = wanted.partition("/")
    glob, _, port = host.partition(":")
    name, _, wanted_port = wanted_host.partition(":")
    parts, wanted_parts = glob.split("."), name.split(".")
    if port != wanted_port or len(parts) != len(wanted_parts):
        return False
    if not all(fnmatchcase(have, want) for have, want in zip(wanted_parts, parts, strict=True)):
        return False
    return wanted_path.startswith(path)


def _place(text: str) -> str:
    """A key of a Docker configuration as host and path: no scheme, no version of the API."""
    host, _, path = text.removeprefix("https://").removeprefix("http://").partition("/")
    for version in ("v1/", "v2/"):
        if f"{path}/".startswith(version):
            path = path[len(version) :]
    return f"{host}/{path.rstrip('/')}" if path.rstrip("/") else host


def _entries(secret: Secret) -> Iterator[tuple[str, FrozenDict[str, str]]]:
    key = CONFIG_KEYS.get(secret.type)
    if key is None or key not in secret.data:
        return
    try:
        config = json.loads(base64.b64decode(secret.data[key]))
        entries = config.get("auths", {}) if key == ".dockerconfigjson" else config
        for place, entry in entries.items():
            login = _login(entry)
            if login is not None:
                yield place, login
    except (ValueError, AttributeError, TypeError):
        return


def _login(entry: Mapping[str, Any]) -> FrozenDict[str, str] | None:
    token = str(entry.get("identitytoken") or "")
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth") and not (user and password):
        try:
            user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
    if token:
        return FrozenDict({"identitytoken": token, "username": user})
    return FrozenDict({"username": user, "password": password}) if user or password else None
