"""Acting as somebody else: the headers, what they need, and who one is then."""

import pytest

from engine.apiserver.authentication.impersonation import impersonated
from engine.apiserver.authentication.user import UserInfo
from engine.apiserver.authorization.access import Access, forbidden
from engine.apiserver.errors import BadRequestError, ForbiddenError

ADMIN = UserInfo(name="admin", groups=("system:masters",))


def act(*headers: tuple[str, str]) -> tuple[UserInfo | None, list[tuple[str, str, str, str]]]:
    """Who one is with these headers, and what was asked of the authorizer."""
    asked: list[tuple[str, str, str, str]] = []

    def check(access: Access) -> None:
        assert access.verb == "impersonate"
        asked.append((access.group, access.full_resource, access.namespace, access.name))

    return impersonated(headers, ADMIN, check), asked


def test_a_user_with_groups_uid_and_extras() -> None:
    """Each of them must be allowed by itself."""
    user, asked = act(
        ("Impersonate-User", "jane"),
        ("Impersonate-Group", "devs"),
        ("Impersonate-Group", "ops"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-Acme.com%2Fproject", "moon"),
    )

    assert user is not None
    assert (user.name, user.uid) == ("jane", "7")
    assert user.groups == ("devs", "ops", "system:authenticated")
    assert user.extra == {"acme.com/project": ("moon",)}
    assert asked == [
        ("", "users", "", "jane"),
        ("", "groups", "", "devs"),
        ("", "groups", "", "ops"),
        ("authentication.k8s.io", "userextras/acme.com/project", "", "moon"),
        ("authentication.k8s.io", "uids", "", "7"),
    ]


def test_a_service_account_is_in_its_groups() -> None:
    """It is asked for as the account that it is."""
    user, asked = act(("Impersonate-User", "system:serviceaccount:default:app"))

    assert user is not None
    assert user.groups == (
        "system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated",
    )  # fmt: skip
    assert asked == [("", "serviceaccounts", "default", "app")]


def test_nobody_is_not_authenticated() -> None:
    """The anonymous user stays outside."""
    user, _ = act(("Impersonate-User", "system:anonymous"))

    assert user is not None
    assert user.groups == ("system:unauthenticated",)


def test_without_headers_one_is_oneself() -> None:
    """Nothing is asked, nothing changes."""
    assert act(("Accept", "*/*")) == (None, [])


def test_a_group_without_a_user_makes_no_sense() -> None:
    """Groups are somebody's."""
    with pytest.raises(BadRequestError, match="without impersonating a user"):
        act(("Impersonate-Group", "devs"))


def test_who_may_not_is_refused_in_words() -> None:
    """The refusal names the user, and the user that was asked for."""

    def check(access: Access) -> None:
        raise forbidden(access)

    with pytest.raises(ForbiddenError) as caught:
        impersonated((("Impersonate-User", "jane"),), UserInfo(name="bob"), check)

    assert caught.value.message == (
        'users "jane" is forbidden: User "bob" cannot impersonate resource "users" in API group "" '
        "at the cluster scope"
    )
