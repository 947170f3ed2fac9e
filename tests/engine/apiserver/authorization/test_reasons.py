"""A review says which binding allows what it asks for."""

from typing import Any

import pytest

from engine.api.codec import decode, encode
from engine.apiserver.request import RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

REQUEST = RequestInfo(user="admin", groups=("system:masters",))
RBAC = "rbac.authorization.k8s.io/v1"


def named(kind: str, name: str, **parts: Any) -> Any:
    """An object of the RBAC group, in the namespace shop if it is in one."""
    metadata = {"name": name}
    if not kind.startswith("Cluster"):
        metadata["namespace"] = "shop"
    return decode({"apiVersion": RBAC, "kind": kind, "metadata": metadata, **parts})


@pytest.fixture
def server() -> ApiServer:
    """Jane may read pods everywhere, the account robot in the namespace shop."""
    loop = Loop(now=1_700_000_000.0)
    made = ApiServer(loop, Store(loop), RandomStreams(3), has_authorization=True)
    made.create(
        decode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        request=REQUEST,
    )
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "look"}
    jane = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane"}
    robot = {"kind": "ServiceAccount", "name": "robot", "namespace": "shop"}
    for obj in (
        named("ClusterRole", "look", rules=rules),
        named("ClusterRoleBinding", "all", roleRef=role, subjects=[jane]),
        named("RoleBinding", "some", roleRef=role, subjects=[robot]),
    ):
        made.create(obj, request=REQUEST)
    return made


@pytest.mark.parametrize(
    ("user", "namespace", "reason"),
    [
        (
            "jane",
            "other",
            'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "look" to User "jane"',
        ),
        (
            "system:serviceaccount:shop:robot",
            "shop",
            (
                'RBAC: allowed by RoleBinding "some/shop" of ClusterRole "look" to ServiceAccount '
                '"robot/shop"'
            ),
        ),
        ("system:serviceaccount:shop:robot", "other", ""),
    ],
    ids=["user", "account", "elsewhere"],
)
def test_the_binding_is_named(server: ApiServer, user: str, namespace: str, reason: str) -> None:
    """In the words of Kubernetes; who may not hears nothing of bindings."""
    attributes = {"verb": "get", "resource": "pods", "namespace": namespace}
    review = decode(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": attributes},
        }
    )

    status = encode(server.create(review, request=REQUEST))["status"]

    assert status["allowed"] is bool(reason)
    assert status.get("reason", "") == reason
