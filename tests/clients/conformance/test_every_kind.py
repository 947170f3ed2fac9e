"""Every stored kind goes through the verbs that a conformance test of Kubernetes puts it through.

Source: test/e2e of kubernetes v1.34, the tests named "should support … API operations", "should
run through the lifecycle of …" and "should apply changes to a … status".
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clients.conformance.rest import STRATEGIC, Rest, types, until, watch

KINDS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("kinds.yaml").read_text()
)
CONFLICT = 409
# Their status is written without their metadata.
STATUS_ALONE = (
    "volumeattachments", "flowschemas", "prioritylevelconfigurations", "apiservices",
    "validatingadmissionpolicies", "resourceclaims",
)  # fmt: skip
AT_ONCE = {"gracePeriodSeconds": 0}


def made(key: str, namespace: str, number: int) -> dict[str, Any]:
    """The object of a kind with that number."""
    text = json.dumps(KINDS[key]["body"]).replace("@ns", namespace or "default")
    body: dict[str, Any] = json.loads(text.replace("wardle@", f"wardle{number}"))
    plural = key.rsplit("/", 1)[1]
    name = body.pop("@name", f"e2e-{plural[:12]}-{number}").replace("wardle@", f"wardle{number}")
    if plural == "ipaddresses":
        name = f"192.168.77.{number + 5}"
    metadata = body.setdefault("metadata", {})
    metadata["name"] = name
    metadata.setdefault("labels", {})["e2e"] = "conformance"
    return body


def collection(key: str, namespace: str) -> str:
    """The path of a kind's objects."""
    version, plural = key.rsplit("/", 1)
    base = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"


@pytest.mark.parametrize("key", KINDS)
def test_a_kind_goes_through_all_verbs(rest: Rest, shared: str, key: str) -> None:
    """Created, read, listed, patched, updated, deleted alone and together, watched throughout."""
    namespace = shared if KINDS[key]["namespaced"] else ""
    path = collection(key, namespace)
    chosen = {"labelSelector": "e2e=conformance"}
    since = rest.get(path)["metadata"]["resourceVersion"]

    first = rest.post(path, made(key, namespace, 0), code=201)
    name, one = first["metadata"]["name"], f"{path}/{first['metadata']['name']}"
    again = rest.post(path, made(key, namespace, 0), code=CONFLICT)
    assert again["reason"] == "AlreadyExists"
    read = rest.get(one)
    assert f"{read['apiVersion']}" == key.rsplit("/", 1)[0]
    assert [item["metadata"]["name"] for item in rest.get(path, **chosen)["items"]] == [name]
    patched = rest.patch(one, {"metadata": {"annotations": {"patched": "yes"}}}, STRATEGIC)
    assert patched["metadata"]["annotations"]["patched"] == "yes"
    stale = {**read, "metadata": {**read["metadata"], "resourceVersion": since}}
    assert rest.put(one, stale, code=CONFLICT)["reason"] == "Conflict"
    if "status" in KINDS[key]:
        check_status(rest, key, one)

    rest.delete(one, AT_ONCE)
    until(lambda: rest.is_gone(one))
    lost = rest.get(one, code=404)
    assert lost["reason"] == "NotFound"
    assert lost["details"]["name"] == name
    for number in (1, 2):
        rest.post(path, made(key, namespace, number), code=201)
    rest.delete(path, AT_ONCE, **chosen)
    until(lambda: not rest.get(path, **chosen)["items"])
    events = watch(
        rest, path, lambda seen: seen[-1]["type"] == "DELETED", resourceVersion=since, **chosen
    )
    told = types(events)
    assert told[0] == "ADDED"
    assert told[-1] == "DELETED"
    assert "MODIFIED" in told


def check_status(rest: Rest, key: str, one: str) -> None:
    """The status is written by its subresource, patched and replaced."""
    status = KINDS[key]["status"]
    body = {"metadata": {"annotations": {"by-status": "yes"}}, "status": status}
    patched = rest.patch(f"{one}/status", body)
    said = patched["metadata"].get("annotations", {}).get("by-status")
    assert said == (None if key.rsplit("/", 1)[1] in STATUS_ALONE else "yes")
    for name, value in status.items():
        found = patched["status"].get(name)
        if isinstance(value, list) and value and isinstance(value[0], dict) and "type" in value[0]:
            assert value[0]["type"] in [item["type"] for item in found]
        elif value:
            assert found == value

    def replaced() -> bool:
        now = rest.get(f"{one}/status")
        now["status"] = {**(now.get("status") or {}), **status}
        return "status" in rest.put(f"{one}/status", now, code=(200, CONFLICT))

    assert until(replaced)
