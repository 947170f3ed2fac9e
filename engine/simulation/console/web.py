"""A web server in a simulated container, as the demo image's: HTTP/1.1 over a stream."""

import json
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlsplit

import attrs

from engine.cri.streams import StreamIO

_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 500: "Server Error"}
_MAX_HEAD = 1 << 16


@attrs.frozen(kw_only=True)
class Site:
    """Who answers.

    Attributes:
        is_demo: it has the demo's paths; anything else answers every path alike.
        is_broken: its health checks fail.
    """

    pod: str
    version: str
    node: str = ""
    namespace: str = ""
    is_demo: bool = False
    is_broken: bool = False
    env: Mapping[str, str] = attrs.field(factory=dict)
    uptime: Callable[[], float] = lambda: 0.0
    work: Callable[[float, float], object] = lambda _seconds, _cores: None
    hold: Callable[[int], object] = lambda _bytes: None
    end: Callable[[int], object] = lambda _code: None


async def serve(io: StreamIO, site: Site) -> None:
    """Answer requests on one connection until the client closes it."""
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            piece = await io.read()
            if not piece or len(pending) > _MAX_HEAD:
                return
            pending += piece
        head, _, pending = pending.partition(b"\r\n\r\n")
        lines = head.decode(errors="replace").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = headers.get("content-length", "0")
        missing = int(length) if length.isdigit() else 0
        while len(pending) < missing:
            piece = await io.read()
            if not piece:
                return
            pending += piece
        pending = pending[missing:]
        words = lines[0].split()
        if len(words) != 3:
            await io.write(_response(400, "text/plain", b"bad request\n", closes=True))
            return
        closes = headers.get("connection", "").lower() == "close" or words[2] == "HTTP/1.0"
        status, kind, body = answer(words[1], site)
        sent = _response(status, kind, b"" if words[0] == "HEAD" else body, closes=closes)
        await io.write(sent)
        if closes:
            return


def answer(target: str, site: Site) -> tuple[int, str, bytes]:
    """Status, content type and body for one request."""
    url = urlsplit(target)
    path = url.path
    where = f" on {site.node}" if site.node else ""
    hello = f"Hello from {site.pod} ({site.version}){where}\n".encode()
    plain = "text/plain; charset=utf-8"
    if not site.is_demo:
        return 200, plain, hello
    if path == "/":
        return (500, plain, b"broken on purpose\n") if site.is_broken else (200, plain, hello)
    if path in ("/healthz", "/readyz"):
        return (500, plain, b"failing\n") if site.is_broken else (200, plain, b"ok\n")
    if path == "/info":
        info = {
            "pod": site.pod,
            "namespace": site.namespace,
            "version": site.version,
            "node": site.node,
            "uptimeSeconds": round(site.uptime(), 3),
        }
        return 200, "application/json", json.dumps(info).encode() + b"\n"
    if path == "/env":
        text = "".join(f"{name}={value}\n" for name, value in sorted(site.env.items()))
        return 200, plain, text.encode()
    if path in ("/cpu", "/work", "/memory", "/exit"):
        try:
            return _act(path, dict(parse_qsl(url.query)), site)
        except ValueError as error:
            return 400, plain, f"bad query: {error}\n".encode()
    if path in ("/slow", "/fail", "/file"):
        return 200, plain, b"simulated\n"
    return 404, plain, b"paths: / /info /healthz /readyz /env\n"


def _act(path: str, query: Mapping[str, str], site: Site) -> tuple[int, str, bytes]:
    """What a request does to the container, with the demo server's words and defaults.

    Raises:
        ValueError: a parameter is no number.
    """
    code, said = 200, ""
    if path == "/cpu":
        seconds, workers = float(query.get("seconds", "10")), int(query.get("workers", "1"))
        site.work(seconds, workers)
        code, said = 202, f"{workers} workers busy for {seconds:g} s"
    elif path == "/work":
        millis = float(query.get("ms", "10"))
        site.work(millis / 1000.0, 1.0)
        said = f"worked for {millis:g} ms"
    elif path == "/memory":
        count = int(query.get("bytes", "0"))
        site.hold(count)
        said = f"holding {count} bytes"
    else:
        status = int(query.get("code", "0"))
        site.end(status)
        code, said = 202, f"exiting with {status}"
    return code, "text/plain; charset=utf-8", f"{said}\n".encode()


def _response(status: int, kind: str, body: bytes, *, closes: bool) -> bytes:
    head = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        f"Connection: {'close' if closes else 'keep-alive'}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
