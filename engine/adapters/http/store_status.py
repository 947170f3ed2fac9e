"""``/debug/store``: what the store looks like, as JSON, for who may look into the server."""

from collections.abc import Mapping
from typing import Any

import attrs
import orjson

from engine.adapters.http.request import ApiResponse
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.errors import BadRequestError, ForbiddenError
from engine.store.observer import StoreObserver

STORE_PATH = "/debug/store"
_MOST_REVISIONS = 1000


def check_may_look(user: UserInfo) -> None:
    """Let administrators pass: the keys of everything are there to be seen.

    Raises:
        ForbiddenError: *user* is none.
    """
    if "system:masters" not in user.groups:
        raise ForbiddenError(f'forbidden: User "{user.name}" cannot get path "{STORE_PATH}"')


def store_status(observer: StoreObserver[Any], query: Mapping[str, str]) -> ApiResponse:
    """The answer to a GET: ``since`` leaves out changes up to a revision, ``limit`` older ones.

    Raises:
        BadRequestError: one of them is no number.
    """
    since = _number(query, "since", 0)
    limit = min(_number(query, "limit", 200), _MOST_REVISIONS)
    status = observer.status(since=since, limit=limit)
    return ApiResponse(status=200, body=orjson.dumps(attrs.asdict(status)), revision=0)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise BadRequestError(f"{name}: a number was expected, not {text!r}")
    return int(text)
