"""Patches of stored objects, through the server: what is stored, refused, and left alone."""

import copy
from typing import Any

import pytest

from engine.api.apps import Deployment
from engine.api.core import Namespace
from engine.api.meta import ObjectMeta
from engine.apiserver.errors import ApiError, ConflictError
from engine.apiserver.request import PatchBody, RequestInfo
from engine.apiserver.server import ApiServer
from engine.kernel.loop import Loop
from engine.kernel.rng import RandomStreams
from engine.store.watchable_store import Store

ASKED = RequestInfo(user="somebody", actor="kubectl")
WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 2,
        "paused": False,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "hostNetwork": False,
                "containers": [{"name": "web", "image": "v1", "env": [{"name": "A", "value": ""}]}],
            },
        },
    },
}


@pytest.fixture
def server() -> ApiServer:
    """A server with one namespace."""
    loop = Loop()
    server = ApiServer(loop, Store(loop), RandomStreams(1))
    server.create(Namespace(metadata=ObjectMeta(name="default")), request=ASKED)
    return server


def patch(server: ApiServer, kind: str, data: Any, **options: Any) -> Deployment:
    """The Deployment ``web`` after a patch."""
    return server.patch(
        Deployment,
        "web",
        namespace="default",
        patch=PatchBody(type=f"application/{kind}", data=data, **options),
        request=ASKED,
    )


def apply(server: ApiServer, data: Any, by: str) -> Deployment:
    """The Deployment after a server-side apply."""
    return patch(server, "apply-patch+yaml", data, field_manager=by)


def test_an_apply_with_zero_values_is_stored_once(server: ApiServer) -> None:
    """False and empty strings, which are not stored, do not make the second apply a change."""
    first = apply(server, WEB, "alice")

    server.loop.run_for(60.0)

    assert apply(server, WEB, "alice") == first


def test_only_the_value_that_differs_conflicts(server: ApiServer) -> None:
    """Zero values that both state the same are no conflict."""
    apply(server, WEB, "alice")
    other = copy.deepcopy(WEB)
    other["spec"]["replicas"] = 3

    with pytest.raises(ConflictError, match=r'1 conflict: conflict with "alice": .spec.replicas'):
        apply(server, other, "bob")


def test_a_strategic_patch_changes_one_container(server: ApiServer) -> None:
    """The stored object keeps everything else."""
    before = apply(server, WEB, "alice")

    after = patch(
        server,
        "strategic-merge-patch+json",
        {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "v2"}]}}}},
    )

    (container,) = after.spec.template.spec.containers
    assert container.image == "v2"
    assert container.env == before.spec.template.spec.containers[0].env
    assert after.spec.replicas == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param({"spec": {"replicas": "x"}}, 400, id="wrong type"),
        pytest.param({"spec": {"template": None}}, 422, id="required field removed"),
        pytest.param({"spec": []}, 400, id="no object"),
        pytest.param({"metadata": {"name": "other"}}, 400, id="another name"),
        pytest.param([], 400, id="no patch"),
    ],
)
def test_a_patch_that_spoils_the_object_is_refused(server: ApiServer, data: Any, code: int) -> None:
    """Nothing is stored, and the error says whose fault it is."""
    before = apply(server, WEB, "alice")

    with pytest.raises(ApiError) as refused:
        patch(server, "merge-patch+json", data)

    assert refused.value.code == code
    assert server.get(Deployment, "web", namespace="default", request=ASKED) == before
