"""A container registry on loopback for tests: the v2 API, logins, and everything that goes wrong.

Repositories by first part of their names: ``open/`` is well; ``broken/`` answers 500; ``cut/`` ends
its blobs half-way; ``slow/`` sends the last part byte by byte until it is `released`. Everything
else is unknown (404).
"""

import asyncio
import base64
import gzip
import hashlib
import io
import json
import tarfile
from random import Random
from typing import Any

import attrs
from aiohttp import web

USER, PASSWORD = "kube", "s3cret"
TOKEN = "a-token-for-tests"
KINDS = ("open", "broken", "cut", "slow")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DRIP_SECONDS = 0.2
PARTS = 6


def digest(data: bytes) -> str:
    """The name of *data* in a registry."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@attrs.define(eq=False)
class Registry:
    """One image ``app:v1`` (and its digest) in every kind of repository; `seen` what was asked.

    *login* is who may: anyone (empty), those with a name and a password (basic), or those with a
    bearer token that `/token` gives for them (bearer). Images of another *salt* are others.
    """

    login: str = ""
    salt: str = ""
    blobs: dict[str, bytes] = attrs.field(factory=dict, init=False)
    manifest: bytes = attrs.field(default=b"", init=False)
    seen: list[str] = attrs.field(factory=list, init=False)
    under_way: int = attrs.field(default=0, init=False)
    most_at_once: int = attrs.field(default=0, init=False)
    released: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _runner: web.AppRunner | None = attrs.field(default=None, init=False)
    port: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as archive:
            for number in range(8):
                content = Random(f"{self.salt}{number}").randbytes(131_072)
                info = tarfile.TarInfo(f"data/{number}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        layer = gzip.compress(raw.getvalue(), mtime=0)
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/pause"]},
                "rootfs": {"type": "layers", "diff_ids": [digest(raw.getvalue())]},
            }
        ).encode()
        self.blobs = {digest(layer): layer, digest(config): config}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _described(config, "application/vnd.docker.container.image.v1+json"),
                "layers": [
                    _described(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
                ],
            }
        ).encode()

    @property
    def host(self) -> str:
        """Host and port, as images are named after it."""
        return f"127.0.0.1:{self.port}"

    def image(self, kind: str, tag: str = "v1") -> str:
        """The name of the image in a repository of *kind*."""
        return f"{self.host}/{kind}/app:{tag}"

    def config_of(self, password: str = PASSWORD, *, place: str = "") -> dict[str, Any]:
        """A Docker configuration that logs in here."""
        auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return {"auths": {place or self.host: {"auth": auth}}}

    async def start(self) -> None:
        """Answer on a free port of loopback."""
        app = web.Application()
        app.router.add_get("/v2/", self._root)
        app.router.add_get("/token", self._token)
        app.router.add_get("/v2/{kind}/app/manifests/{reference}", self._manifest)
        app.router.add_get("/v2/{kind}/app/blobs/{digest}", self._blob)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self.port = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Answer no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _root(self, request: web.Request) -> web.Response:
        return self._gate(request) or web.json_response({})

    async def _token(self, request: web.Request) -> web.Response:
        if not _is_user(request):
            return _refused(401, "UNAUTHORIZED", "incorrect username or password")
        return web.json_response({"token": TOKEN})

    def _gate(self, request: web.Request) -> web.Response | None:
        """Why *request* is not served; None if it is."""
        self.seen.append(request.path)
        given = request.headers.get("Authorization")
        if self.login == "basic" and not _is_user(request):
            answer = _refused(401, "UNAUTHORIZED", "authentication required")
            answer.headers["WWW-Authenticate"] = 'Basic realm="tests"'
            return answer
        if self.login == "bearer" and given != f"Bearer {TOKEN}":
            answer = _refused(401, "UNAUTHORIZED", "authentication required")
            realm = f'Bearer realm="http://{self.host}/token",service="tests"'
            answer.headers["WWW-Authenticate"] = realm
            return answer
        kind = request.match_info.get("kind", "open")
        if kind not in KINDS:
            return _refused(404, "NAME_UNKNOWN", "repository name not known to registry")
        if kind == "broken":
            return _refused(500, "UNKNOWN", "the disk of the registry is on fire")
        return None

    async def _manifest(self, request: web.Request) -> web.Response:
        refusal = self._gate(request)
        if refusal is not None:
            return refusal
        if request.match_info["reference"] not in {"v1", "v2", digest(self.manifest)}:
            return _refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        headers = {"Docker-Content-Digest": digest(self.manifest)}
        return web.Response(body=self.manifest, content_type=MANIFEST, headers=headers)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        refusal = self._gate(request)
        if refusal is not None:
            return refusal
        data = self.blobs.get(request.match_info["digest"])
        if data is None:
            return _refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
        answer = web.StreamResponse(headers={"Content-Length": str(len(data))})
        await answer.prepare(request)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            part = len(data) // PARTS + 1
            sent = 0
            for number in range(PARTS):
                if number == PARTS - 1 and request.match_info["kind"] == "slow":
                    while sent < len(data) - 1 and not self.released.is_set():
                        await answer.write(data[sent : sent + 1])
                        sent += 1
                        await asyncio.sleep(DRIP_SECONDS)
                ended = len(data) if number == PARTS - 1 else sent + part
                await answer.write(data[sent:ended])
                sent = ended
                if number == PARTS // 2 and request.match_info["kind"] == "cut":
                    assert request.transport is not None
                    request.transport.abort()
                    return answer
        finally:
            self.under_way -= 1
        return answer


def _is_user(request: web.Request) -> bool:
    wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    return request.headers.get("Authorization") == f"Basic {wanted}"


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message}]}, status=status)


def _described(data: bytes, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(data), "digest": digest(data)}
