"""What an HTTP request asks for, as the authorizer sees it."""

from collections.abc import Mapping

from aiohttp import web

from engine.adapters.http.custom_metrics import metric_path
from engine.adapters.http.routes import Target
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.authorization.access import Access, access_to, verb_of

_TRUE = ("true", "1", "True", "TRUE", "t", "T")


def asks_to_watch(target: Target, query: Mapping[str, str]) -> bool:
    """Whether a GET is a watch: by its parameter or, as of old, by its path."""
    return (target.is_watch or query.get("watch", "") in _TRUE) and not target.subresource


def access_of(http: web.BaseRequest, target: Target | None, user: UserInfo) -> Access:
    """The access of a request on *target*, or on its path if that is no resource."""
    if target is None and (series := metric_path(http.path)) is not None and series.metric:
        return series.access(user)
    if target is None:
        method = "get" if http.method == "HEAD" else http.method.lower()
        return Access(user.name, user.groups, method, path=http.path)
    query = http.query
    is_watch = asks_to_watch(target, query)
    return access_to(
        target.resource,
        verb_of(http.method, has_name=bool(target.name), is_watch=is_watch),
        user=user.name,
        groups=user.groups,
        namespace=target.namespace,
        name=target.name,
        subresource=target.subresource,
        fields=query.get("fieldSelector", ""),
    )
