"""The OpenAPI documents: complete, consistent, and in every form that clients ask for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from engine.api.scheme import SCHEME, Resource
from engine.apiserver.openapi.document import OpenApi

PATCHED_WITH = {"dryRun", "fieldManager", "fieldValidation", "force"}
WIDGET = Resource(
    group="example.com",
    version="v1",
    kind="Widget",
    plural="widgets",
    singular="widget",
    namespaced=True,
)


@pytest.fixture(scope="module")
def served() -> OpenApi:
    """The documents of everything Kubernetes has."""
    return OpenApi(list(SCHEME))


def references(value: Any) -> Iterator[str]:
    """Every $ref in a document."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "$ref" and isinstance(part, str):
                yield part
            else:
                yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def fields_of(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message: number and integer or bytes."""
    position = 0

    def varint() -> int:
        nonlocal position
        number = shift = 0
        while True:
            byte = message[position]
            position += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while position < len(message):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            assert tag & 7 == 2
            size = varint()
            yield tag >> 3, message[position : position + size]
            position += size


def one(message: bytes, *path: int) -> Any:
    """The first field at the end of a path of field numbers."""
    for number in path:
        message = next(value for found, value in fields_of(message) if found == number)
    return message


def test_every_reference_of_every_document_leads_somewhere(served: OpenApi) -> None:
    """A document contains all definitions that it uses."""
    v2 = json.loads(served.v2)
    assert {ref.removeprefix("#/definitions/") for ref in references(v2)} <= set(v2["definitions"])

    for path in json.loads(served.v3_index)["paths"]:
        document = json.loads(served.v3(path) or b"")
        used = {ref.removeprefix("#/components/schemas/") for ref in references(document)}
        assert used <= set(document["components"]["schemas"])


def test_the_index_names_a_document_per_group_and_version(served: OpenApi) -> None:
    """The core group is under api, the others are under apis."""
    paths = json.loads(served.v3_index)["paths"]

    assert {"api/v1", "apis/apps/v1", "apis/kubarium.dev/v1"} <= set(paths)
    assert paths["api/v1"]["serverRelativeURL"].startswith("/openapi/v3/api/v1?hash=")


def test_an_unknown_group_has_no_document(served: OpenApi) -> None:
    """Nothing is made up for what is not served."""
    assert served.v3("apis/example.com/v1") is None


def test_kinds_can_be_found_for_explain(served: OpenApi) -> None:
    """A schema says of which group, version and kind it is, and describes its fields."""
    schemas = json.loads(served.v3("api/v1") or b"")["components"]["schemas"]
    pod = schemas["io.k8s.api.core.v1.Pod"]

    assert pod["x-kubernetes-group-version-kind"] == [{"group": "", "kind": "Pod", "version": "v1"}]
    assert pod["properties"]["spec"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}
    ]
    assert "description" in pod["properties"]["spec"]


def test_types_are_plain_openapi(served: OpenApi) -> None:
    """No list of types, and quantities and ports as Kubernetes publishes them."""
    schemas = json.loads(served.v3("api/v1") or b"")["components"]["schemas"]
    quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    port = schemas["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]

    assert quantity == {"oneOf": [{"type": "string"}, {"type": "number"}]}
    assert port["format"] == "int-or-string"
    assert b'"null"' not in served.v2


def test_a_patch_says_that_it_validates_fields(served: OpenApi) -> None:
    """Clients leave validation to the server if the patch operation has these parameters."""
    path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    for document in (json.loads(served.v2), json.loads(served.v3("apis/apps/v1") or b"")):
        patch = document["paths"][path]["patch"]

        assert {one["name"] for one in patch["parameters"]} >= PATCHED_WITH
        assert patch["x-kubernetes-group-version-kind"] == {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
        }


def test_operation_ids_are_unique(served: OpenApi) -> None:
    """Generated clients name their methods after them."""
    paths = json.loads(served.v2)["paths"]
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]

    assert len(ids) == len(set(ids))


def test_the_hash_changes_with_a_custom_resource_only() -> None:
    """Clients keep a document as long as its hash stays the same."""

    def index(schema: dict[str, Any]) -> Any:
        documents = OpenApi([*SCHEME, WIDGET], {("example.com", "v1", "Widget"): schema})
        return json.loads(documents.v3_index)["paths"]

    before = index({"type": "object", "properties": {"spec": {"type": "object"}}})
    after = index({"type": "object", "properties": {"spec": {"type": "string"}}})

    assert {path for path in before if before[path] != after[path]} == {"apis/example.com/v1"}


def test_a_custom_resource_is_described() -> None:
    """Its own schema is published, with the fields that every object has."""
    schema = {"properties": {"spec": {"properties": {"size": {"type": "integer"}}}}}
    documents = OpenApi([WIDGET], {("example.com", "v1", "Widget"): schema})

    published = json.loads(documents.v3("apis/example.com/v1") or b"")["components"]["schemas"]

    assert published["com.example.v1.Widget"]["properties"].keys() == {
        "apiVersion",
        "kind",
        "metadata",
        "spec",
    }


def test_the_protobuf_form_is_the_same_document(served: OpenApi) -> None:
    """Definitions and paths are all there, in the fields that gnostic gives them."""
    message, document = served.v2_protobuf, json.loads(served.v2)

    assert one(message, 1) == b"2.0"
    definitions = [one(entry, 1).decode() for _, entry in fields_of(one(message, 9))]
    assert definitions == list(document["definitions"])
    paths = [one(entry, 1).decode() for _, entry in fields_of(one(message, 8))]
    assert paths == list(document["paths"])


def test_the_protobuf_form_carries_extensions(served: OpenApi) -> None:
    """What begins with x- is a named value in YAML."""
    definitions = (entry for _, entry in fields_of(one(served.v2_protobuf, 9)))
    pod = next(one(e, 2) for e in definitions if one(e, 1) == b"io.k8s.api.core.v1.Pod")

    extension = one(pod, 31)

    assert one(extension, 1) == b"x-kubernetes-group-version-kind"
    assert json.loads(one(extension, 2, 2)) == [{"group": "", "kind": "Pod", "version": "v1"}]
