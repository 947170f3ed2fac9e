"""Where among the cgroups an ordinary user's cluster lives."""

from engine.adapters.rootless import scope


def test_a_login_session_is_not_among_the_cgroups_of_the_user() -> None:
    """Only what the user's systemd started, and scopes of it, are."""
    user = "0::/user.slice/user-1000.slice"

    assert not scope.is_below(f"{user}/session-30.scope\n", 1000)
    assert scope.is_below(f"{user}/user@1000.service/app.slice/kubarium-7.scope\n", 1000)
    assert not scope.is_below(f"{user}/user@1000.service/app.slice/kubarium-7.scope\n", 100)


def test_the_users_systemd_is_asked_for_a_scope_with_the_process() -> None:
    """By its number: the process itself goes on."""
    command = scope.start_command(7)

    assert command[:2] == ["busctl", "--user"]
    assert command[-8:] == ["kubarium-7.scope", "fail", "1", "PIDs", "au", "1", "7", "0"]
