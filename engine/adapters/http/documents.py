"""What is served besides objects: version, health, discovery, OpenAPI."""

import hashlib
import platform
from collections.abc import Mapping

import attrs
import orjson

from engine.adapters.http.metric_discovery import MetricDiscovery
from engine.adapters.http.request import ApiResponse
from engine.api.scheme import Scheme
from engine.apiserver import discovery
from engine.apiserver.openapi.document import OpenApi
from engine.apiserver.server import ApiServer

_HEALTH = ("/healthz", "/livez", "/readyz")
_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
VERSION = {
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
"""What ``/version`` answers."""


@attrs.define(eq=False)
class Documents:
    """Answers that depend on what is served, not on what is stored."""

    server: ApiServer
    address: str = ""
    _openapi: OpenApi | None = attrs.field(default=None, init=False)
    _generation: int = attrs.field(default=-1, init=False)
    _bodies: dict[str, tuple[str, bytes]] = attrs.field(factory=dict, init=False)
    _discovered: dict[tuple[str, str], ApiResponse] = attrs.field(factory=dict, init=False)
    _metrics: MetricDiscovery = attrs.field(init=False)
    _metrics_state: str = attrs.field(default="", init=False)

    def __attrs_post_init__(self) -> None:
        self._metrics = MetricDiscovery(self.server)

    def answer(self, path: str, accept: str, query: dict[str, str]) -> ApiResponse | None:
        """The answer to a GET of *path*, or None if it is no document."""
        if path.startswith(("/healthz", "/livez", "/readyz")):
            return self._health(path, query)
        if path.rstrip("/") == "/version":
            return _json(VERSION)
        self._follow()
        if path == "/":
            return _json({"paths": self._paths()})
        if path == "/.well-known/openid-configuration":
            return _json(self.server.tokens.configuration(f"https://{self.address}"))
        if path == "/openid/v1/jwks":
            return _json(self.server.tokens.signer.jwks(), "application/jwk-set+json")
        if path.startswith("/openapi"):
            return self._document(path, accept, query)
        return self._discovery(path.rstrip("/"), accept)

    def _follow(self) -> None:
        """Forget what was made for other resources than those served now."""
        if self._generation != self._scheme.generation:
            self._generation = self._scheme.generation
            self._openapi = None
            self._discovered = {}

    def _paths(self) -> list[str]:
        """What there is besides objects, as the root lists it."""
        found = {"/api", "/api/v1", "/apis", "/version", "/openapi/v2", "/openapi/v3", *_HEALTH}
        for resource in self._scheme:
            if resource.group:
                found |= {f"/apis/{resource.group}", f"/apis/{resource.api_version}"}
        return sorted((*found, *self._metrics.paths()))

    def _discovery(self, path: str, accept: str) -> ApiResponse | None:
        resources = tuple(self._scheme)
        parts = path.strip("/").split("/")
        if path in ("/api", "/apis"):
            version = discovery.aggregated_version(accept)
            if version is not None:
                return self._aggregated(path, version)
            if path == "/api":
                return _json(discovery.api_versions(self.address))
            listed = discovery.api_group_list(resources)
            return _json({**listed, "groups": [*listed["groups"], *self._metrics.groups()]})
        found = None
        if len(parts) == 2 and parts[0] == "api":
            found = discovery.api_resource_list(resources, "", parts[1])
        elif len(parts) == 2 and parts[0] == "apis":
            found = discovery.api_group(resources, parts[1])
        elif len(parts) == 3 and parts[0] == "apis":
            found = discovery.api_resource_list(resources, parts[1], parts[2])
        return None if found is None else _json(found)

    def _aggregated(self, path: str, version: str) -> ApiResponse:
        if path == "/apis" and self._metrics.state != self._metrics_state:
            self._metrics_state = self._metrics.state
            self._discovered = {}
        found = self._discovered.get((path, version))
        if found is None:
            resources = tuple(self._scheme)
            listed = discovery.aggregated(resources, core=path == "/api", form=version)
            if path == "/apis":
                listed["items"] += self._metrics.aggregated()
            body = orjson.dumps(listed)
            tag = hashlib.sha256(body).hexdigest().upper()
            found = self._discovered[path, version] = attrs.evolve(
                _bytes(body, discovery.aggregated_content_type(version)),
                headers={"ETag": f'"{tag}"', "Vary": "Accept"},
            )
        return found

    def _document(self, path: str, accept: str, query: dict[str, str]) -> ApiResponse | None:
        if self._openapi is None:
            resources = tuple(self._scheme)
            schemas = {
                (one.group, one.version, one.kind): one.custom.schema
                for one in resources
                if one.custom is not None
            }
            self._openapi = OpenApi(resources, schemas)
        openapi = self._openapi
        if path == "/openapi/v2":
            headers = {"ETag": f'"{openapi.hash}"', "Vary": "Accept"}
            if "proto-openapi" in accept:
                return attrs.evolve(_bytes(openapi.v2_protobuf, _PROTOBUF), headers=headers)
            return attrs.evolve(_bytes(openapi.v2), headers=headers)
        if path == "/openapi/v3":
            headers = {"ETag": f'"{openapi.hash}"', "Vary": "Accept"}
            return attrs.evolve(_bytes(openapi.v3_index), headers=headers)
        return self._of_group(openapi, path.removeprefix("/openapi/v3/"), query)

    def _of_group(self, openapi: OpenApi, path: str, query: dict[str, str]) -> ApiResponse | None:
        """The OpenAPI 3 document of one group and version; whoever names its hash may keep it."""
        wanted = openapi.hashes.get(path)
        if wanted is None:
            return None
        given = query.get("hash", "")
        if given and given != wanted:
            place = f"/openapi/v3/{path}?hash={wanted}"
            return ApiResponse(status=301, body=b"", revision=0, headers={"Location": place})
        known = self._bodies.get(path)
        if known is None or known[0] != wanted:
            body = openapi.v3(path)
            assert body is not None, "what has a hash has a document"
            known = self._bodies[path] = (wanted, body)
        headers = {"ETag": f'"{wanted}"', "Vary": "Accept"}
        if given:
            headers["Cache-Control"] = "public, immutable"
            headers["Expires"] = "Fri, 31 Dec 9999 23:59:59 GMT"
        return attrs.evolve(_bytes(known[1]), headers=headers)

    def _health(self, path: str, query: Mapping[str, str]) -> ApiResponse | None:
        """All checks of ``/healthz``, ``/livez`` or ``/readyz``, or one by its path below them."""
        name, _, only = path.strip("/").partition("/")
        if f"/{name}" not in _HEALTH:
            return None
        checks = self._checks(name)
        if only and only not in checks:
            return None
        excluded = query.get("exclude", "")
        if only:
            checks = {only: checks[only]}
        failed = [check for check, why in checks.items() if why and check != excluded]
        if not failed and ("verbose" not in query or only):
            return _bytes(b"ok", "text/plain; charset=utf-8")
        lines = []
        for check, why in checks.items():
            if check == excluded:
                lines.append(f"[+]{check} excluded: ok")
            else:
                lines.append(f"[-]{check} failed: {why}" if why else f"[+]{check} ok")
        if excluded and excluded not in checks:
            quoted = f'"{excluded}"'
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}")
        lines.append(f"{name} check {'failed' if failed else 'passed'}")
        return ApiResponse(
            status=500 if failed else 200,
            body=("\n".join(lines) + "\n").encode(),
            revision=0,
            content_type="text/plain; charset=utf-8",
        )

    def _checks(self, name: str) -> dict[str, str]:
        """The reason why each check fails, empty if it is well."""
        alarm = self.server.store.alarm
        stored = "" if alarm is None else f"read-only: {alarm}"
        checks = {
            "ping": "",
            "log": "",
            "etcd": stored,
            "api": "" if self.server.is_up else "the API server is down",
            "store": stored,
        }
        if name == "readyz":
            checks |= {"etcd-readiness": stored, "informer-sync": ""}
        return checks

    @property
    def _scheme(self) -> Scheme:
        return self.server.scheme


def _json(value: object, content_type: str = "application/json") -> ApiResponse:
    return _bytes(orjson.dumps(value), content_type)


def _bytes(body: bytes, content_type: str = "application/json") -> ApiResponse:
    return ApiResponse(status=200, body=body, revision=0, content_type=content_type)
