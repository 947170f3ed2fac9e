"""Whose Podman it is that somebody names, and what to do if it is of no use to them."""

import os
import pwd
from typing import Any

import pytest

from engine.adapters.podman.given import whose

ROOTFUL: dict[str, Any] = {"security": {"rootless": False}}


def rootless(owner: int) -> dict[str, Any]:
    """What a rootless service says of its machine."""
    mapping = {"container_id": 0, "host_id": owner, "size": 1}
    return {"security": {"rootless": True}, "idMappings": {"uidmap": [mapping]}}


def test_roots_own_serves_root() -> None:
    """And nobody else."""
    assert whose(ROOTFUL, "unix:///run/podman/podman.sock", 0) == ""
    assert "sudo kubarium" in whose(ROOTFUL, "unix:///run/podman/podman.sock", 1001)


@pytest.mark.parametrize("user", [0, 1001])
def test_a_rootless_one_names_its_user(user: int) -> None:
    """As whom Kubarium is to be run."""
    me = os.getuid()
    name = pwd.getpwuid(me).pw_name

    text = whose(rootless(me), "unix:///run/user/7/podman/podman.sock", user)

    own = user == me
    assert ("your own rootless one" if own else f"run kubarium as {name}") in text
    assert "--podman-url" in text


def test_an_owner_without_a_name_is_told_all_the_same() -> None:
    """The service may say nothing of its mapping."""
    assert "another user" in whose({"security": {"rootless": True}}, "tcp://127.0.0.1:1", 0)
