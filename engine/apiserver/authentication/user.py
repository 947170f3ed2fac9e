"""Who asks: the name, uid, groups and extras that authentication found out."""

import attrs

from engine.api.frozen import EMPTY, FrozenDict

ANONYMOUS = "system:anonymous"
AUTHENTICATED_GROUP = "system:authenticated"
UNAUTHENTICATED_GROUP = "system:unauthenticated"
MASTERS_GROUP = "system:masters"
NODES_GROUP = "system:nodes"
NODE_PREFIX = "system:node:"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
SERVICE_ACCOUNTS_GROUP = "system:serviceaccounts"

Extra = FrozenDict[str, tuple[str, ...]]


@attrs.frozen(kw_only=True)
class UserInfo:
    """A user as the API server knows one. Nobody stores users: names are all there is."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Extra = EMPTY

    def wire(self) -> dict[str, object]:
        """The user as authentication.k8s.io/v1 UserInfo."""
        found: dict[str, object] = {"username": self.name}
        if self.uid:
            found["uid"] = self.uid
        if self.groups:
            found["groups"] = list(self.groups)
        if self.extra:
            found["extra"] = {key: list(values) for key, values in self.extra.items()}
        return found


NOBODY = UserInfo(name=ANONYMOUS, groups=(UNAUTHENTICATED_GROUP,))
"""Who gives no name."""


def with_authenticated(user: UserInfo) -> UserInfo:
    """*user* in the group of everybody who gave a name that was believed."""
    if AUTHENTICATED_GROUP in user.groups or user.name == ANONYMOUS:
        return user
    return attrs.evolve(user, groups=(*user.groups, AUTHENTICATED_GROUP))


def service_account_user(
    namespace: str, name: str, *, uid: str = "", extra: Extra = EMPTY
) -> UserInfo:
    """The user that a ServiceAccount is."""
    return UserInfo(
        name=f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}",
        uid=uid,
        groups=(
            SERVICE_ACCOUNTS_GROUP,
            f"{SERVICE_ACCOUNTS_GROUP}:{namespace}",
            AUTHENTICATED_GROUP,
        ),
        extra=extra,
    )


def split_service_account(user: str) -> tuple[str, str] | None:
    """Namespace and name of the ServiceAccount that *user* is; None if it is something else."""
    if not user.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, _, name = user.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
    return (namespace, name) if namespace and name else None
