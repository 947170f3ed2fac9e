"""As whom containers run, by the accounts of their image."""

from pathlib import Path

import pytest

from engine.adapters.podman.image_accounts import Accounts, read_files, settle
from engine.cri.commands import Security

ACCOUNTS = Accounts(
    passwd="root:x:0:0::/:/bin/sh\napp:x:1000:50:The App:/app:/bin/sh\nbroken\n",
    group="root:x:0:\nstaff:x:50:\nlogs:x:60:app,other\nbackup:x:70:app\nother:x:80:\n",
    user="app",
)
FIELDS = ("run_as_user", "run_as_group", "supplemental_groups")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(
            Security(run_as_user=1000, run_as_group=5), (1000, 5, (60, 70)), id="merge with a group"
        ),
        pytest.param(
            Security(run_as_group=5, supplemental_groups=(60, 9)),
            (1000, 5, (60, 9, 70)),
            id="user of the image, a group of both",
        ),
        pytest.param(
            Security(run_as_user=1000, is_strict_about_groups=True), (1000, 50, ()), id="strict"
        ),
        pytest.param(
            Security(run_as_user=7, run_as_group=5, supplemental_groups=(9,)),
            (7, 5, (9,)),
            id="a number that the image does not know",
        ),
        pytest.param(
            Security(run_as_user=7, is_strict_about_groups=True), (7, 0, ()), id="strict, unknown"
        ),
    ],
)
def test_groups_are_those_kubernetes_means(
    asked: Security, expected: tuple[int, int, tuple[int, ...]]
) -> None:
    """Merge adds those the image has for the user, whatever its group; Strict adds none."""
    found = settle(asked, ACCOUNTS)

    assert tuple(getattr(found, name) for name in FIELDS) == expected


def test_a_group_of_the_image_is_kept() -> None:
    """It may be a name."""
    accounts = Accounts(passwd=ACCOUNTS.passwd, group=ACCOUNTS.group, user="app:other")

    found = settle(Security(is_strict_about_groups=True), accounts)

    assert (found.run_as_user, found.run_as_group) == (1000, 80)


def test_a_name_that_the_image_does_not_know_is_left_to_podman() -> None:
    """It says what is wrong."""
    asked = Security(run_as_group=5)

    assert settle(asked, Accounts(user="nobody")) is asked


def test_the_uppermost_layer_counts_and_links_are_not_followed(tmp_path: Path) -> None:
    """A link could lead to the accounts of the host."""
    upper, lower = tmp_path / "upper", tmp_path / "lower"
    for layer in (upper, lower):
        (layer / "etc").mkdir(parents=True)
        (layer / "etc" / "passwd").write_text(layer.name)
    (upper / "etc" / "group").symlink_to("/etc/group")
    (lower / "etc" / "group").write_text("below")

    assert read_files([upper, lower], ("passwd", "group", "shadow")) == ["upper", "", ""]
