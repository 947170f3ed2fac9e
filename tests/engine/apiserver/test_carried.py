"""Kinds that the engine stores without reading them."""

from typing import Any

import pytest

from engine.api.codec import decode, encode_thawed
from engine.apiserver.request import PatchBody, RequestInfo
from engine.apiserver.server import ApiServer

STATEFUL_SET = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "db", "namespace": "default"},
    "spec": {
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "main", "image": "demo:v1"}]},
        },
    },
}


def make(body: dict[str, Any]) -> Any:
    """The object that *body* describes."""
    return decode(body)


def test_their_specs_and_templates_get_defaults(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Clients such as kubectl describe rely on them."""
    stored = encode_thawed(server.create(make(STATEFUL_SET), request=request_info))

    assert stored["spec"]["replicas"] == 1
    assert stored["spec"]["updateStrategy"]["type"] == "RollingUpdate"
    assert stored["spec"]["template"]["spec"]["restartPolicy"] == "Always"
    assert stored["metadata"]["generation"] == 1


def test_their_replicas_can_be_scaled(server: ApiServer, request_info: RequestInfo) -> None:
    """The scale subresource reads and writes the carried spec."""
    obj = server.create(make(STATEFUL_SET), request=request_info)
    patch = PatchBody(type="application/merge-patch+json", data={"spec": {"replicas": 3}})

    server.patch(
        type(obj), "db", namespace="default", patch=patch, subresource="scale",
        request=request_info,
    )  # fmt: skip

    scale = server.get_scale(type(obj), "db", namespace="default", request=request_info)
    assert scale.spec.replicas == 3


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        pytest.param("PersistentVolumeClaim", "Pending", id="claim"),
    ],
)
def test_some_begin_with_a_status(
    server: ApiServer, request_info: RequestInfo, kind: str, phase: str
) -> None:
    """What the client says about the status does not count."""
    body = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
        "status": {"phase": "Bound"},
    }

    stored = encode_thawed(server.create(make(body), request=request_info))

    assert stored["status"] == {"phase": phase}


def test_owners_of_fields_are_kept_up_to_date_once_somebody_applied(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """A later update takes the fields it changes over from who applied them."""
    applied = PatchBody(
        type="application/apply-patch+yaml",
        data={"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}},
        field_manager="somebody",
    )
    cls = type(make({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}))
    server.patch(cls, "settings", namespace="default", patch=applied, request=request_info)
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "default"},
        "data": {"a": "2"},
    }

    stored = encode_thawed(server.update(make(body), request=request_info))

    managers = [entry["manager"] for entry in stored["metadata"]["managedFields"]]
    assert "tests" in managers


def test_who_applies_what_is_there_already_shares_it(
    server: ApiServer, request_info: RequestInfo
) -> None:
    """Equal lists are no conflict, whatever kind of sequence holds them."""
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    claim = server.create(make(body), request=request_info)
    applied = PatchBody(
        type="application/apply-patch+yaml", data=body, field_manager="somebody else"
    )

    again = server.patch(type(claim), "c", namespace="default", patch=applied, request=request_info)

    assert again.metadata.uid == claim.metadata.uid
