"""Which logins of pull secrets are meant for an image."""

import base64
import json
from typing import Any

import pytest

from engine.api.core import Secret
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.kubelet.pull_secrets import is_meant, logins_for


def secret(
    content: Any, *, kind: str = "kubernetes.io/dockerconfigjson", key: str = ".dockerconfigjson"
) -> Secret:
    """A pull secret that holds *content* as JSON."""
    text = base64.b64encode(json.dumps(content).encode()).decode()
    return Secret(metadata=ObjectMeta(name="pull"), type=kind, data=FrozenDict({key: text}))


@pytest.mark.parametrize(
    ("place", "wanted", "expected"),
    [
        ("registry.example.com", "registry.example.com/team/app", True),
        ("https://registry.example.com/v2/", "registry.example.com/team/app", True),
        ("registry.example.com/team", "registry.example.com/team/app", True),
        ("registry.example.com/other", "registry.example.com/team/app", False),
        ("*.example.com", "registry.example.com/team/app", True),
        ("*.example.com", "example.com/team/app", False),
        ("registry.example.com:5000", "registry.example.com/team/app", False),
        ("127.0.0.1:5000", "127.0.0.1:5000/app", True),
        ("https://index.docker.io/v1/", "docker.io/library/nginx", True),
        ("docker.io", "quay.io/a/b", False),
    ],
)
def test_places(place: str, wanted: str, *, expected: bool) -> None:
    """Hosts match part by part, ports exactly, paths from their beginning."""
    assert is_meant(place, wanted) is expected


def test_both_kinds_of_secrets_are_read_and_the_most_specific_login_comes_first() -> None:
    """User and password come as they are or as `auth`; what is meant for others is left out."""
    auth = base64.b64encode(b"anna:pw:with:colons").decode()
    secrets = [
        secret({"auths": {"r.io": {"auth": auth}, "q.io": {"username": "x", "password": "y"}}}),
        secret(
            {"r.io/team": {"username": "ben", "password": "b"}},
            kind="kubernetes.io/dockercfg",
            key=".dockercfg",
        ),
    ]

    assert logins_for("r.io/team/app:v1", secrets) == (
        FrozenDict({"username": "ben", "password": "b"}),
        FrozenDict({"username": "anna", "password": "pw:with:colons"}),
    )


@pytest.mark.parametrize("content", ["text", {"auths": []}, {"auths": {"r.io": {"auth": "%%"}}}, 7])
def test_what_cannot_be_read_gives_no_login(content: Any) -> None:
    """A broken secret is as good as none."""
    assert logins_for("r.io/app", [secret(content)]) == ()
