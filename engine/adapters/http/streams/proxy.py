"""Requests that the API server passes on: to a pod, to a service's endpoint, to a node.

It knows HTTP; how to reach a pod, the runtimes know.

Source: k8s.io/apimachinery proxy (UpgradeAwareHandler), kubernetes v1.34.
"""

import contextlib
from collections.abc import Mapping

import aiohttp
from aiohttp import web
from yarl import URL

from engine.adapters.http.streams.proxy_upgrade import tunnel
from engine.adapters.http.streams.tunnel import Dial, TunnelConnector
from engine.adapters.http.streams.upgrade import wants
from engine.apiserver.errors import UnavailableError

_HOP_HEADERS = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-encoding",
        "host",
        "authorization",
        "accept-encoding",
        "expect",
    )
)
_BLOCK = 1 << 16


def split_path(raw_path: str) -> tuple[str, str | None]:
    """A proxy path up to and with ``/proxy``, and what comes after it; None for nothing at all."""
    parts = raw_path.split("/")
    # api, v1, namespaces, N, pods, NAME, proxy; without the namespace for nodes.
    at = 7 if parts[3:4] == ["namespaces"] else 5
    if len(parts) <= at + 1:
        return raw_path, None
    return "/".join(parts[: at + 1]), "/" + "/".join(parts[at + 1 :])


async def pass_on(
    http: web.BaseRequest, *, authority: str, scheme: str, dial: Dial
) -> web.StreamResponse:
    """Answer *http* as the other end of *dial*, called *authority*, answers it.

    Raises:
        UnavailableError: it cannot be reached, or answers nonsense.
    """
    prefix, path = split_path(http.rel_url.raw_path)
    query = http.rel_url.raw_query_string
    if path is None:
        if http.method in ("GET", "HEAD"):
            where = f"{prefix}/" + (f"?{query}" if query else "")
            return web.Response(status=301, headers={"Location": where})
        path = "/"
    headers = {
        name: value for name, value in http.headers.items() if name.lower() not in _HOP_HEADERS
    }
    headers["X-Forwarded-For"] = str(http.remote or "127.0.0.1")
    headers["X-Forwarded-Host"] = http.host
    headers["X-Forwarded-Uri"] = prefix + path
    headers["Host"] = authority
    if wants(http):
        target = path + (f"?{query}" if query else "")
        return await tunnel(http, target, headers, is_tls=scheme == "https", dial=dial)
    # The connector dials by itself; the URL only says what is asked for. It speaks TLS by itself
    # too, so that the client on top of it need not know.
    url = f"http://{authority}{path}" + (f"?{query}" if query else "")
    connector = TunnelConnector(dial, is_tls=scheme == "https")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30.0)
    session = aiohttp.ClientSession(
        connector=connector, timeout=timeout, auto_decompress=False, skip_auto_headers=_SKIPPED
    )
    try:
        async with session.request(
            http.method,
            URL(url, encoded=True),  # as it came, not quoted once more
            headers=headers,
            data=http.content if http.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            return await _copy(http, answer, prefix=prefix, authority=authority)
    except aiohttp.ClientError as error:
        why = connector.failure or str(error) or type(error).__name__
        raise UnavailableError(f"error trying to reach service: {why}") from error
    finally:
        await session.close()
        await connector.stop()


_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


async def _copy(
    http: web.BaseRequest, answer: aiohttp.ClientResponse, *, prefix: str, authority: str
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, reason=answer.reason)
    for name, value in _kept(answer.headers).items():
        response.headers.add(name, value)
    if "Content-Encoding" in answer.headers:
        response.headers["Content-Encoding"] = answer.headers["Content-Encoding"]
    for cookie in answer.headers.getall("Set-Cookie", ()):
        response.headers.add("Set-Cookie", cookie)
    location = answer.headers.get("Location")
    if location is not None:
        response.headers["Location"] = _relocated(location, prefix, authority)
    if answer.content_length is not None:
        response.content_length = answer.content_length
    else:
        response.enable_chunked_encoding()
    await response.prepare(http)
    if http.method != "HEAD":
        with contextlib.suppress(aiohttp.ClientPayloadError):
            async for piece in answer.content.iter_chunked(_BLOCK):
                await response.write(piece)
    await response.write_eof()
    return response


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    skipped = _HOP_HEADERS | {"set-cookie", "location"}
    return {name: value for name, value in headers.items() if name.lower() not in skipped}


def _relocated(location: str, prefix: str, authority: str) -> str:
    """A redirection of the other side, as one that leads through the proxy again."""
    for scheme in ("http://", "https://"):
        if location.startswith(f"{scheme}{authority}/"):
            location = location[len(scheme) + len(authority) :]
    return prefix + location if location.startswith("/") else location
