"""Acting as somebody else: who wants to, and who may.

Source: k8s.io/apiserver endpoints/filters/impersonation.go, kubernetes v1.34.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote

import attrs

from engine.api.frozen import EMPTY, FrozenDict
from engine.apiserver.authentication.user import (
    ANONYMOUS,
    AUTHENTICATED_GROUP,
    SERVICE_ACCOUNTS_GROUP,
    UNAUTHENTICATED_GROUP,
    UserInfo,
    split_service_account,
)
from engine.apiserver.authorization.access import Access
from engine.apiserver.errors import BadRequestError

_EXTRA = "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"


class Check(Protocol):
    """Raises ForbiddenError unless the access is allowed."""

    def __call__(self, access: Access) -> None:
        """Look at one access."""
        ...


def impersonated(
    headers: Sequence[tuple[str, str]], user: UserInfo, check: Check
) -> UserInfo | None:
    """Who *user* asks to be by the headers of a request; None if nobody else.

    Raises:
        ForbiddenError: *user* may not be that.
        BadRequestError: groups, a uid or extras are asked for without a user.
    """
    wanted = _read(headers)
    if wanted is None:
        return None
    for verb_on in _accesses(wanted):
        check(
            Access(
                user.name,
                user.groups,
                "impersonate",
                verb_on.get("group", ""),
                verb_on["resource"],
                verb_on.get("sub", ""),
                verb_on.get("namespace", ""),
                verb_on["name"],
            )
        )
    return _completed(wanted)


def _read(headers: Sequence[tuple[str, str]]) -> UserInfo | None:
    name, uid = "", ""
    groups: list[str] = []
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers:
        lowered = header.lower()
        if lowered == "impersonate-user":
            name = value
        elif lowered == "impersonate-uid":
            uid = value
        elif lowered == "impersonate-group":
            groups.append(value)
        elif lowered.startswith(_EXTRA):
            key = unquote(lowered.removeprefix(_EXTRA))
            extra[key] = (*extra.get(key, ()), value)
    if not name:
        if uid or groups or extra:
            raise BadRequestError(
                "requested to impersonate a group, uid or extra without impersonating a user"
            )
        return None
    return UserInfo(
        name=name, uid=uid, groups=tuple(groups), extra=FrozenDict(extra) if extra else EMPTY
    )


def _accesses(wanted: UserInfo) -> Iterator[Mapping[str, str]]:
    account = split_service_account(wanted.name)
    if account is not None:
        yield {"resource": "serviceaccounts", "namespace": account[0], "name": account[1]}
    else:
        yield {"resource": "users", "name": wanted.name}
    for group in wanted.groups:
        yield {"resource": "groups", "name": group}
    for key, values in wanted.extra.items():
        for value in values:
            yield {"group": _AUTHENTICATION, "resource": "userextras", "sub": key, "name": value}
    if wanted.uid:
        yield {"group": _AUTHENTICATION, "resource": "uids", "name": wanted.uid}


def _completed(wanted: UserInfo) -> UserInfo:
    """With the groups that everybody of that kind is in."""
    groups = wanted.groups
    account = split_service_account(wanted.name)
    if account is not None and not groups:
        groups = (SERVICE_ACCOUNTS_GROUP, f"{SERVICE_ACCOUNTS_GROUP}:{account[0]}")
    ours = UNAUTHENTICATED_GROUP if wanted.name == ANONYMOUS else AUTHENTICATED_GROUP
    if ours not in groups:
        groups = (*groups, ours)
    return attrs.evolve(wanted, groups=groups)
