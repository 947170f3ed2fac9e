"""etcd's v3 API over its JSON gateway: requests, endpoints, TLS and tokens; no policy."""

import base64
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import attrs

from engine.adapters.rootless import outside
from engine.errors import AdapterError, ConfigError


class EtcdUnavailableError(AdapterError):
    """No endpoint answered, or etcd has no leader just now. What was asked may have happened."""


class EtcdRefusedError(AdapterError):
    """etcd answered with an error of its own."""


@attrs.frozen(kw_only=True)
class EtcdAddress:
    """Where an etcd is and how to be let in; ``etcds://`` means TLS."""

    endpoints: tuple[tuple[str, int], ...]
    is_tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    user: str | None = None
    password: str | None = None
    timeout: float = 5.0


def parse_address(url: str, **options: Any) -> EtcdAddress:
    """The address in ``etcd://[user:password@]host:port[,host:port…]``.

    Raises:
        ConfigError: it is not of that form.
    """
    scheme, separator, rest = url.partition("://")
    if scheme not in ("etcd", "etcds") or not separator:
        raise ConfigError(f"store {url!r}: expected etcd://host:port[,host:port] or etcds://…")
    login, _, hosts = rest.rstrip("/").rpartition("@")
    endpoints: list[tuple[str, int]] = []
    for host in hosts.split(","):
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port or 2379
        except ValueError as error:
            raise ConfigError(f"store {url!r}: {host!r} is not host:port") from error
        if not name:
            raise ConfigError(f"store {url!r}: {host!r} is not host:port")
        endpoints.append((name, port))
    if login:
        options["user"], _, options["password"] = login.partition(":")
    return EtcdAddress(endpoints=tuple(endpoints), is_tls=scheme == "etcds", **options)


def b64(data: bytes) -> str:
    """Bytes as the gateway wants them."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """Bytes as the gateway gives them."""
    return base64.b64decode(text)


@attrs.define(eq=False)
class EtcdGateway:
    """A client for one thread: one connection, moved to the next endpoint when it fails."""

    address: EtcdAddress
    _connection: http.client.HTTPConnection | None = attrs.field(default=None, init=False)
    _endpoint: int = attrs.field(default=0, init=False)
    _token: str | None = attrs.field(default=None, init=False)

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One request and its answer; endpoints that fail are passed over.

        Raises:
            EtcdUnavailableError: none of the endpoints answered.
            EtcdRefusedError: etcd refused the request.
        """
        problem: Exception | None = None
        for _ in self.address.endpoints:
            try:
                return self._ask(path, body)
            except (OSError, http.client.HTTPException, EtcdUnavailableError) as error:
                problem = error
                self.close()
                self._endpoint = (self._endpoint + 1) % len(self.address.endpoints)
        hosts = ", ".join(f"{host}:{port}" for host, port in self.address.endpoints)
        raise EtcdUnavailableError(f"etcd at {hosts} does not answer: {problem}") from problem

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.address.user is not None and self._token is None:
            login = {"name": self.address.user, "password": self.address.password}
            self._token = self._exchange("/v3/auth/authenticate", login)["token"]
        try:
            return self._exchange(path, body)
        except EtcdRefusedError as error:
            # A token ends after a while, and when etcd restarts.
            if self._token is None or "token" not in str(error):
                raise
            self._token = None
        return self._ask(path, body)

    def _exchange(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._connection is None:
            self._connection = self._connect()
            outside.wait_for(self._connection.connect)
        headers = {} if self._token is None else {"Authorization": self._token}
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        if "error" in answer:
            # grpc code 14 is "unavailable": no leader, or the server is going away.
            if answer.get("code") == 14 or response.status in (502, 503, 504):
                raise EtcdUnavailableError(str(answer["error"]))
            raise EtcdRefusedError(f"etcd refused {path}: {answer['error']}")
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        address = self.address
        host, port = address.endpoints[self._endpoint]
        if not address.is_tls:
            return http.client.HTTPConnection(host, port, timeout=address.timeout)
        context = ssl.create_default_context(cafile=address.ca_file)
        if address.cert_file is not None:
            context.load_cert_chain(address.cert_file, address.key_file)
        return http.client.HTTPSConnection(host, port, timeout=address.timeout, context=context)
