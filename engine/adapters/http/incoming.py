"""A request's body, read within bounds of size and time."""

import asyncio

from aiohttp import web

from engine.adapters.http.limits import Limits
from engine.adapters.http.request import ApiRequest
from engine.adapters.http.routes import Target
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.errors import TimeoutApiError, TooLargeError


async def read_request(
    http: web.BaseRequest, target: Target, user: UserInfo, limits: Limits, *, has_body: bool = True
) -> ApiRequest:
    """The request with its body, if it *has_body* that we read.

    Raises:
        TooLargeError: the body is larger than allowed; the rest of it is not read.
        TimeoutApiError: it did not come in time.
    """
    headers = http.headers
    body = b""
    if has_body and http.can_read_body:
        try:
            async with asyncio.timeout(limits.request_time):
                body = await _read_body(http, limits.body)
        except TimeoutError:
            raise TimeoutApiError(
                f"the request's body did not arrive within {limits.request_time:g} s"
            ) from None
    return ApiRequest(
        method="GET" if http.method == "HEAD" else http.method,
        target=target,
        query=dict(http.query),
        accept=headers.get("Accept", ""),
        content_type=headers.get("Content-Type", ""),
        body=body,
        user=user,
        agent=headers.get("User-Agent", ""),
    )


async def _read_body(http: web.BaseRequest, largest: int) -> bytes:
    if (http.content_length or 0) > largest:
        raise TooLargeError(f"the request is larger than {largest} bytes")
    pieces, size = [], 0
    async for piece in http.content.iter_any():
        size += len(piece)
        if size > largest:
            raise TooLargeError(f"the request is larger than {largest} bytes")
        pieces.append(piece)
    return b"".join(pieces)
