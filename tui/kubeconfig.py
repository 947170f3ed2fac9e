"""Reads a kubeconfig: which server, under which name, with which credentials."""

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

import attrs
import yaml

from engine.errors import ConfigError


@attrs.frozen(kw_only=True, repr=False)
class ServerAccess:
    """One context of a kubeconfig. Its repr shows no credentials."""

    context: str
    server: str
    namespace: str = ""
    token: str = ""
    user: str = ""
    password: str = ""
    authority: str = ""
    certificate: str = ""
    key: str = ""
    is_insecure: bool = False

    def __repr__(self) -> str:
        return f"ServerAccess({self.context}, {self.server})"

    def headers(self) -> dict[str, str]:
        """The headers that say who we are."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        if self.user:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def tls(self) -> ssl.SSLContext | bool:
        """How to check the server, and our own certificate.

        Raises:
            ConfigError: a certificate or key cannot be used.
        """
        if not self.server.startswith("https"):
            return True
        try:
            context = ssl.create_default_context(cadata=self.authority or None)
            if self.is_insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate:
                with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                    # OpenSSL reads certificates from files only; this one is ours alone.
                    file.write(f"{self.certificate}\n{self.key}\n")
                    file.flush()
                    context.load_cert_chain(file.name)
        except (ssl.SSLError, OSError, ValueError) as error:
            msg = f"context {self.context!r}: its certificates cannot be used: {error}"
            raise ConfigError(msg) from error
        return context


def read_kubeconfig(path: Path, *, context: str = "") -> ServerAccess:
    """One context of the kubeconfig at *path*; the current one unless *context* names another.

    Raises:
        ConfigError: there is no such file or context, or it is not a kubeconfig.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        msg = f"there is no kubeconfig at {path}; start `kubarium serve`, or name one"
        raise ConfigError(msg) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as a kubeconfig: {error}"
        raise ConfigError(msg) from error
    if not isinstance(data, dict):
        msg = f"{path} is not a kubeconfig"
        raise ConfigError(msg)
    name = context or str(data.get("current-context") or "")
    chosen = _named(data, "contexts", "context", name, path)
    cluster = _named(data, "clusters", "cluster", str(chosen.get("cluster")), path)
    user_name = str(chosen.get("user") or "")
    user = _named(data, "users", "user", user_name, path) if user_name else {}
    server = str(cluster.get("server") or "")
    if not server:
        msg = f"{path}: context {name!r} names no server"
        raise ConfigError(msg)
    folder = path.parent
    return ServerAccess(
        context=name,
        server=server.rstrip("/"),
        namespace=str(chosen.get("namespace") or ""),
        token=_text(user, "token", "tokenFile", folder),
        user=str(user.get("username") or ""),
        password=str(user.get("password") or ""),
        authority=_data(cluster, "certificate-authority", folder),
        certificate=_data(user, "client-certificate", folder),
        key=_data(user, "client-key", folder),
        is_insecure=bool(cluster.get("insecure-skip-tls-verify")),
    )


def _named(data: dict[str, Any], group: str, inner: str, name: str, path: Path) -> dict[str, Any]:
    for entry in data.get(group) or ():
        if isinstance(entry, dict) and entry.get("name") == name:
            found = entry.get(inner)
            return found if isinstance(found, dict) else {}
    known = ", ".join(str(entry.get("name")) for entry in data.get(group) or ()) or "none"
    msg = f"{path}: there is no {inner} {name!r}; there is {known}"
    raise ConfigError(msg)


def _text(data: dict[str, Any], inline: str, file: str, folder: Path) -> str:
    if data.get(inline):
        return str(data[inline])
    if data.get(file):
        return _read(folder / str(data[file]))
    return ""


def _data(data: dict[str, Any], name: str, folder: Path) -> str:
    if data.get(f"{name}-data"):
        try:
            return base64.b64decode(str(data[f"{name}-data"])).decode()
        except ValueError as error:
            msg = f"{name}-data is not base64: {error}"
            raise ConfigError(msg) from error
    return _read(folder / str(data[name])) if data.get(name) else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        msg = f"{path} cannot be read: {error}"
        raise ConfigError(msg) from error
