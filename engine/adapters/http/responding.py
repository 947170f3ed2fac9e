"""Answers on their way to a client: as a response of HTTP, compressed, piece by piece."""

from collections.abc import Mapping

import attrs
from aiohttp import web

from engine.adapters.http.compression import SMALLEST, accepts_gzip, gzip_body
from engine.adapters.http.request import ApiResponse

# Bytes of a long answer that are handed to a connection at once.
_PIECE = 256 * 1024


def response_of(answer: ApiResponse) -> web.Response:
    """*answer* as HTTP has it, with its warnings."""
    response = web.Response(status=answer.status, body=answer.body)
    response.headers["Content-Type"] = answer.content_type
    response.headers["Cache-Control"] = "no-cache, private"
    response.headers.update(answer.headers)
    for warning in answer.warnings:
        response.headers.add("Warning", f'299 - "{_quoted(warning)}"')
    if answer.retry_after:
        response.headers["Retry-After"] = str(answer.retry_after)
    return response


async def send_packed(http: web.BaseRequest, answer: ApiResponse) -> web.StreamResponse:
    """*answer*, compressed if it is long and the client takes that."""
    is_long = len(answer.body) >= SMALLEST
    if not is_long:
        return response_of(answer)
    body, head = answer.body, {}
    if accepts_gzip(http.headers.get("Accept-Encoding", "")):
        body = await gzip_body(body)
        head = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return await _send_long(http, attrs.evolve(answer, body=b""), body, head)


async def _send_long(
    http: web.BaseRequest, answer: ApiResponse, body: bytes, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Send *body* piece by piece, so that no second and third copy of it waits for a reader."""
    bare = response_of(answer)
    response = web.StreamResponse(status=bare.status, headers=bare.headers)
    response.headers.update(headers)
    response.content_length = len(body)
    await response.prepare(http)
    if http.method != "HEAD":
        view = memoryview(body)
        for start in range(0, len(view), _PIECE):
            await response.write(view[start : start + _PIECE])
    await response.write_eof()
    return response


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
