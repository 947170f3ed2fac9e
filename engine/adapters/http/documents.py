"""What is served besides objects: version, health, discovery, OpenAPI."""

import platform

import attrs
import orjson

from engine.adapters.http.request import ApiResponse
from engine.api.scheme import Scheme
from engine.apiserver import discovery
from engine.apiserver.openapi.document import OpenApi
from engine.apiserver.server import ApiServer

_HEALTH = ("/healthz", "/livez", "/readyz")
_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+kubarium",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "cpython",
    "platform": f"linux/{_MACHINES.get(platform.machine(), platform.machine())}",
}


@attrs.define(eq=False)
class Documents:
    """Answers that depend on what is served, not on what is stored."""

    server: ApiServer
    address: str = ""
    _openapi: OpenApi | None = attrs.field(default=None, init=False)

    def answer(self, path: str, accept: str, query: dict[str, str]) -> ApiResponse | None:
        """The answer to a GET of *path*, or None if it is no document."""
        if path.startswith(("/healthz", "/livez", "/readyz")):
            return self._health(path, query)
        if path == "/version":
            return _json(_VERSION)
        if path.startswith("/openapi"):
            return self._document(path, accept)
        return self._discovery(path.rstrip("/"), accept)

    def _discovery(self, path: str, accept: str) -> ApiResponse | None:
        resources = tuple(self._scheme)
        parts = path.strip("/").split("/")
        if path in ("/api", "/apis"):
            version = discovery.aggregated_version(accept)
            if version is not None:
                body = discovery.aggregated(resources, core=path == "/api", form=version)
                return _json(body, discovery.aggregated_content_type(version))
            if path == "/api":
                return _json(discovery.api_versions(self.address))
            return _json(discovery.api_group_list(resources))
        found = None
        if len(parts) == 2 and parts[0] == "api":
            found = discovery.api_resource_list(resources, "", parts[1])
        elif len(parts) == 2 and parts[0] == "apis":
            found = discovery.api_group(resources, parts[1])
        elif len(parts) == 3 and parts[0] == "apis":
            found = discovery.api_resource_list(resources, parts[1], parts[2])
        return None if found is None else _json(found)

    def _document(self, path: str, accept: str) -> ApiResponse | None:
        if self._openapi is None:
            self._openapi = OpenApi(tuple(self._scheme))
        if path == "/openapi/v2":
            if "proto-openapi" in accept:
                return _bytes(self._openapi.v2_protobuf, _PROTOBUF)
            return _bytes(self._openapi.v2)
        if path == "/openapi/v3":
            return _bytes(self._openapi.v3_index)
        found = self._openapi.v3(path.removeprefix("/openapi/v3/"))
        return None if found is None else _bytes(found)

    def _health(self, path: str, query: dict[str, str]) -> ApiResponse | None:
        name, _, _ = path.strip("/").partition("/")
        if f"/{name}" not in _HEALTH:
            return None
        # The reason why a check fails, or None if it is well.
        checks = {
            "ping": None,
            "api": None if self.server.is_up else "the API server is down",
            "store": None,
        }
        if self.server.store.alarm is not None:
            checks["store"] = f"read-only: {self.server.store.alarm}"
        is_well = not any(checks.values())
        if is_well and "verbose" not in query:
            return _bytes(b"ok", "text/plain; charset=utf-8")
        lines = [
            f"[+]{check} ok" if reason is None else f"[-]{check} failed: {reason}"
            for check, reason in checks.items()
        ]
        lines.append(f"{name} check {'passed' if is_well else 'failed'}")
        return ApiResponse(
            status=200 if is_well else 500,
            body=("\n".join(lines) + "\n").encode(),
            revision=0,
            content_type="text/plain; charset=utf-8",
        )

    @property
    def _scheme(self) -> Scheme:
        return self.server.scheme


def _json(value: object, content_type: str = "application/json") -> ApiResponse:
    return _bytes(orjson.dumps(value), content_type)


def _bytes(body: bytes, content_type: str = "application/json") -> ApiResponse:
    return ApiResponse(status=200, body=body, revision=0, content_type=content_type)
