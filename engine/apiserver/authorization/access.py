"""One question to an authorizer: may this user do that? And the words of a refusal.

Source: k8s.io/apiserver authorization/authorizer and endpoints/handlers/responsewriters,
kubernetes v1.34.
"""

from typing import NamedTuple

from engine.api.scheme import Resource
from engine.apiserver.errors import ForbiddenError


class Access(NamedTuple):
    """What somebody wants to do. A *path* instead of a resource is asked for outside the API.

    Attributes:
        user: the name.
        groups: all groups.
        verb: get, list, watch, create, …; for a path the HTTP method in lower case.
        group: the API group; empty for the core group.
        resource: the plural.
        subresource: empty for the object itself.
        namespace: empty for the whole cluster.
        name: empty for the collection.
        path: the URL's path, if it is no resource.
        fields: the field selector of a list or watch.
    """

    user: str
    groups: tuple[str, ...]
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    fields: str = ""

    @property
    def full_resource(self) -> str:
        """``pods/log``, or ``pods``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Decision(NamedTuple):
    """Whether, and why (or why not, if there is more to say than that no rule allows it)."""

    is_allowed: bool
    reason: str = ""


def forbidden(access: Access, reason: str = "") -> ForbiddenError:
    """The refusal of *access*, in the words clients know."""
    tail = f": {reason}" if reason else ""
    if not access.resource:
        return ForbiddenError(
            f'forbidden: User "{access.user}" cannot {access.verb} path "{access.path}"{tail}'
        )
    qualified = f"{access.resource}.{access.group}" if access.group else access.resource
    head = f'{qualified} "{access.name}"' if access.name else qualified
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    return ForbiddenError(
        f'{head} is forbidden: User "{access.user}" cannot {access.verb} resource '
        f'"{access.full_resource}" in API group "{access.group}" {where}{tail}',
        name=access.name,
        group=access.group,
        kind=access.resource,
    )


def verb_of(method: str, *, has_name: bool, is_watch: bool) -> str:
    """The verb that an HTTP request on a resource means."""
    match method:
        case "POST":
            return "create"
        case "PUT":
            return "update"
        case "PATCH":
            return "patch"
        case "DELETE":
            return "delete" if has_name else "deletecollection"
        case _ if is_watch:
            return "watch"
        case _:
            return "get" if has_name else "list"


def access_to(
    resource: Resource,
    verb: str,
    *,
    user: str,
    groups: tuple[str, ...],
    namespace: str = "",
    name: str = "",
    subresource: str = "",
    fields: str = "",
) -> Access:
    """The question whether *user* may do *verb* to *resource*."""
    if not name and fields:
        name = named_in(fields)
    if resource.plural == "namespaces" and not resource.group:
        # A namespace is inside itself, so that a role in it may be about it.
        namespace = name
    elif not resource.namespaced:
        namespace = ""
    return Access(
        user,
        groups,
        verb,
        resource.group,
        resource.plural,
        subresource,
        namespace,
        name,
        "",
        fields,
    )


def named_in(fields: str) -> str:
    """The name that a field selector demands; empty if it demands none.

    So who may watch one object by name may do it as clients do: as a list of one.
    """
    for part in fields.split(","):
        key, _, value = part.partition("=")
        if key.strip() == "metadata.name":
            return value.removeprefix("=").strip()
    return ""
