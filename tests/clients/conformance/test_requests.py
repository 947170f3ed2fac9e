"""What the API server says and does, in the words and codes that conformance tests look for."""

import json
from typing import Any

import pytest

from tests.clients.conformance.rest import (
    JSON_PATCH,
    Rest,
    pod_spec,
    template,
    types,
    until,
    watch,
)

BAD, FORBIDDEN, CONFLICT, INVALID, BUSY = 400, 403, 409, 422, 429
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def deployment(**spec: Any) -> dict[str, Any]:
    """A deployment of nothing."""
    selector = {"matchLabels": {"a": "b"}}
    wanted = {"replicas": 0, "selector": selector, "template": template({"a": "b"}), **spec}
    return {"metadata": {"name": "web"}, "spec": wanted}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {"replicas": "three"},
            "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type "
            "int32",
            id="string for a number",
        ),
        pytest.param(
            {"template": {"spec": {"containers": {"name": "x"}}}},
            "cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of "
            "type []v1.Container",
            id="object for a list",
        ),
        pytest.param(
            {"template": {"spec": pod_spec(hostNetwork="yes")}},
            "cannot unmarshal string into Go struct field PodSpec.spec.template.spec.hostNetwork "
            "of type bool",
            id="string for a truth",
        ),
    ],
)
def test_a_wrong_type_is_named_as_go_names_it(
    rest: Rest, shared: str, spec: dict[str, Any], words: str
) -> None:
    """Kind, value, struct, path and type, as the decoder of kube-apiserver says it."""
    path = f"/apis/apps/v1/namespaces/{shared}/deployments"

    said = rest.post(path, deployment(**spec), code=BAD)["message"]

    head = 'Deployment in version "v1" cannot be handled as a Deployment: json: '
    assert said.startswith(head + words)


def test_unknown_and_repeated_fields_of_a_typed_object(rest: Rest, shared: str) -> None:
    """Strict refuses them all in one sentence; a strict patch is invalid."""
    path = f"/apis/apps/v1/namespaces/{shared}/deployments"
    text = json.dumps(deployment(unknown1="x", paused=True)).replace(
        '"paused": true', '"paused": true, "paused": false'
    )

    said = rest.post(path, text, code=BAD, fieldValidation="Strict")["message"]
    rest.post(path, deployment())
    patched = rest.patch(
        f"{path}/web", {"spec": {"foo": 1}}, code=INVALID, fieldValidation="Strict"
    )

    assert 'strict decoding error: unknown field "spec.unknown1", duplicate field' in said
    assert 'strict decoding error: unknown field "spec.foo"' in patched["message"]
    rest.delete(f"{path}/web")


def test_a_definition_is_served_watched_and_taken_away(rest: Rest, namespace: str) -> None:
    """Duplicates come before unknown fields; open watches end with the definition."""
    group = "conformance.example.com"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    rest.post(DEFINITIONS, {"metadata": {"name": f"foos.{group}"}, "spec": spec})
    path = f"/apis/{group}/v1/namespaces/{namespace}/foos"
    until(lambda: "items" in rest.get(path, code=(200, 404)))
    head = f'{{"apiVersion":"{group}/v1","kind":"Foo","metadata":{{"name":"x"}},"spec":'

    said = rest.post(path, head + '{"z":1,"a":1,"a":2}}', code=BAD, fieldValidation="Strict")
    wrong = rest.post(path, head + '{"size":"big"}}', code=INVALID)
    rest.post(path, head + '{"size":1}}')
    add = [{"op": "add", "path": "/spec/size", "value": 2}]
    rest.patch(f"{path}/x", add, JSON_PATCH)
    registered = rest.get(f"/apis/apiregistration.k8s.io/v1/apiservices/v1.{group}")
    gone: list[Any] = []

    def take_away(events: list[dict[str, Any]]) -> bool:
        if not gone:
            gone.append(rest.delete(f"{DEFINITIONS}/foos.{group}"))
        return False

    events = watch(rest, path, take_away, timeoutSeconds="60")

    assert (
        'duplicate field "spec.a", unknown field "spec.a", unknown field "spec.z"'
        in (said["message"])
    )
    assert 'spec.size in body must be of type integer: "string"' in wrong["message"]
    assert registered["status"]["conditions"][0]["reason"] == "Local"
    assert types(events) == ["ADDED", "DELETED"]
    rest.get(path, code=404)
    until(lambda: rest.is_gone(f"/apis/apiregistration.k8s.io/v1/apiservices/v1.{group}"))


def test_what_leaves_a_selection_is_deleted_for_its_watcher(rest: Rest, namespace: str) -> None:
    """By parameter and by the paths of old; what is shown is the object as it was selected."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    since = rest.get(path)["metadata"]["resourceVersion"]
    rest.post(path, {"metadata": {"name": "x", "labels": {"w": "1"}}})
    rest.patch(f"{path}/x", {"data": {"a": "1"}})
    rest.patch(f"{path}/x", {"metadata": {"labels": {"w": "2"}}})
    rest.patch(f"{path}/x", {"metadata": {"labels": {"w": "1"}}})
    rest.delete(f"{path}/x")
    chosen = {"labelSelector": "w=1", "resourceVersion": since}

    told = watch(rest, path, lambda seen: len(seen) == 5, **chosen)
    old_way = f"/api/v1/watch/namespaces/{namespace}/configmaps"
    as_of_old = watch(rest, old_way, lambda seen: len(seen) == 5, watch="", **chosen)

    assert types(told) == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    assert told[2]["object"]["data"] == {"a": "1"}
    assert as_of_old == told


def test_a_list_comes_in_pieces_of_one_revision(rest: Rest, namespace: str) -> None:
    """Each piece says how many are left; what is written in between is not seen."""
    path = f"/api/v1/namespaces/{namespace}/podtemplates"
    for number in range(10):
        rest.post(path, {"metadata": {"name": f"t{number}"}, "template": template({})})
    piece = rest.get(path, limit="4")
    rest.post(path, {"metadata": {"name": "late"}, "template": template({})})
    revision, names, left = piece["metadata"]["resourceVersion"], [], []
    while True:
        names += [item["metadata"]["name"] for item in piece["items"]]
        left.append(piece["metadata"].get("remainingItemCount"))
        assert piece["metadata"]["resourceVersion"] == revision
        token = piece["metadata"].get("continue")
        if not token:
            break
        piece = rest.get(path, **{"limit": "4", "continue": token})

    assert names == [f"t{number}" for number in range(10)]
    assert left == [6, 2, None]


def test_preconditions_of_a_deletion(rest: Rest, namespace: str) -> None:
    """Another uid or version refuses, in words that say both."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = rest.post(path, {"metadata": {"name": "x"}})["metadata"]["uid"]

    said = rest.delete(f"{path}/x", {"preconditions": {"uid": "other"}}, code=CONFLICT)
    done = rest.delete(f"{path}/x", {"preconditions": {"uid": uid}})

    assert (
        f"the UID in the precondition (other) does not match the UID in record ({uid})"
        in (said["message"])
    )
    assert done["status"] == "Success"


def test_a_budget_refuses_an_eviction_until_it_allows_it(rest: Rest, namespace: str) -> None:
    """429 with the cause DisruptionBudget, then 201."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    budget = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    rest.post(pods, {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": pod_spec()})
    until(lambda: rest.get(f"{pods}/p")["status"]["phase"] == "Running")
    selector = {"matchLabels": {"a": "b"}}
    rest.post(
        budget, {"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": selector}}
    )
    until(lambda: rest.get(f"{budget}/b").get("status", {}).get("expectedPods"))
    asked = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}

    refused = rest.post(f"{pods}/p/eviction", asked, code=BUSY)
    mistaken = rest.post(f"{pods}/p/eviction", {"metadata": {"name": "q"}}, code=BAD)
    rest.patch(f"{budget}/b", {"spec": {"minAvailable": 0}})
    until(lambda: rest.get(f"{budget}/b")["status"]["disruptionsAllowed"])
    allowed = rest.post(f"{pods}/p/eviction", asked, code=201)

    assert refused["details"]["causes"][0]["reason"] == "DisruptionBudget"
    assert mistaken["message"] == "name in URL does not match name in Eviction object"
    assert allowed["status"] == "Success"


def test_a_scale_is_owned_by_who_scaled(rest: Rest, namespace: str) -> None:
    """As an entry of its own, with the subresource."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    rest.post(path, deployment())
    scale = rest.get(f"{path}/web/scale")
    scale["spec"]["replicas"] = 1

    rest.put(f"{path}/web/scale", scale, fieldManager="scaler")

    owners = rest.get(f"{path}/web")["metadata"]["managedFields"]
    mine = next(entry for entry in owners if entry["manager"] == "scaler")
    assert mine["subresource"] == "scale"
    assert mine["fieldsV1"] == {"f:spec": {"f:replicas": {}}}


def test_a_namespace_waits_for_its_finalizers(rest: Rest, namespace: str) -> None:
    """Its content goes first, nothing new comes in, and it stays until the last finalizer goes."""
    path = f"/api/v1/namespaces/{namespace}"
    now = rest.get(path)
    now["spec"]["finalizers"].append("e2e.example.com/keep")
    rest.put(f"{path}/finalize", now)
    rest.post(f"{path}/services", {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}})
    rest.delete(path)

    refused = rest.post(f"{path}/configmaps", {"metadata": {"name": "x"}}, code=FORBIDDEN)
    until(lambda: rest.get(path)["spec"]["finalizers"] == ["e2e.example.com/keep"])
    left = rest.get(f"{path}/services")["items"]
    now = rest.get(path)
    now["spec"]["finalizers"] = []
    rest.put(f"{path}/finalize", now)

    assert refused["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert left == []
    until(lambda: rest.is_gone(path))


def test_a_service_changes_its_type(rest: Rest, namespace: str) -> None:
    """What only the former type had goes without being asked for."""
    path = f"/api/v1/namespaces/{namespace}/services"
    outside = {"type": "ExternalName", "externalName": "a.example.com"}
    rest.post(path, {"metadata": {"name": "s"}, "spec": outside})
    ports = [{"port": 80, "name": "http"}]

    as_port = rest.patch(
        f"{path}/s", {"spec": {"type": "NodePort", "externalName": None, "ports": ports}}
    )
    as_address = rest.patch(f"{path}/s", {"spec": {"type": "ClusterIP"}})
    back = rest.put(f"{path}/s", {**rest.get(f"{path}/s"), "spec": outside})

    assert as_port["spec"]["ports"][0]["nodePort"]
    assert "nodePort" not in as_address["spec"]["ports"][0]
    assert "clusterIP" not in back["spec"]


def test_what_every_cluster_begins_with(rest: Rest) -> None:
    """Flow control, the group versions that are served, the range of services."""
    flow = "/apis/flowcontrol.apiserver.k8s.io/v1"
    schemas = {item["metadata"]["name"] for item in rest.get(f"{flow}/flowschemas")["items"]}
    levels = rest.get(f"{flow}/prioritylevelconfigurations")["items"]
    services = rest.get("/apis/apiregistration.k8s.io/v1/apiservices")["items"]
    served = {item["metadata"]["name"]: item["status"]["conditions"][0] for item in services}
    cidr = rest.get("/apis/networking.k8s.io/v1/servicecidrs/kubernetes")
    hashed = rest.get("/api/v1")["resources"]

    assert {"exempt", "probes", "system-nodes", "global-default", "catch-all"} <= schemas
    assert {"exempt", "workload-low", "node-high"} <= {one["metadata"]["name"] for one in levels}
    assert {"v1.", "v1.apps", "v2.autoscaling", "v1beta1.metrics.k8s.io"} <= set(served)
    assert {one["status"] for one in served.values()} == {"True"}
    assert cidr["status"]["conditions"][0]["type"] == "Ready"
    pods = next(one for one in hashed if one["name"] == "pods")
    assert pods["storageVersionHash"] == "xPOwRZ+Yhw8="
