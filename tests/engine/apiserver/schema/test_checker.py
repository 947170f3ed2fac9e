"""What the checker says about objects that do and do not fit the published schema."""

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.apiserver.errors import BadRequestError
from engine.apiserver.schema.checker import Finding, check
from engine.apiserver.schema.duplicates import duplicates
from engine.apiserver.schema.node import Node, build, of_kind

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "containers", "name", "labels", "x"]), inner
        )
    ),
    max_leaves=12,
)


def node(kind: str = "Pod", group: str = "") -> Node:
    """The schema of a kind of version v1."""
    found = of_kind(group, "v1", kind)
    assert found is not None
    return found


def deployment() -> dict[str, Any]:
    """A small sound Deployment."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "demo:v1"}]},
            },
        },
    }


def container_with(**fields: Any) -> list[Finding]:
    """What is found in a Deployment whose container has these fields too."""
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0].update(fields)
    return check(manifest, node("Deployment", "apps"))


def test_a_sound_object_has_no_findings() -> None:
    """An object that fits the schema passes."""
    assert check(deployment(), node("Deployment", "apps")) == []


def test_a_misspelt_field_is_named_by_path_with_what_was_meant() -> None:
    """The path names list positions, and the hint names the field that resembles it."""
    (finding,) = container_with(imagge="demo:v2")

    assert finding.fault == "unknown"
    assert finding.path == "spec.template.spec.containers[0].imagge"
    assert str(finding) == (
        'unknown field "spec.template.spec.containers[0].imagge" (did you mean "image"?)'
    )


def test_a_field_in_another_case_is_unknown() -> None:
    """Names are compared exactly, and the hint shows the right spelling."""
    (finding,) = container_with(imagepullpolicy="Always")

    assert finding.hint == "imagePullPolicy"


def test_every_fault_is_found_at_once() -> None:
    """One look reports all faults of an object, not only the first."""
    faults = container_with(foo=1, ports=[{"containerPort": "80"}], name=None)

    assert {finding.path.rpartition(".")[2]: finding.fault for finding in faults} == {
        "foo": "unknown",
        "containerPort": "type",
        "name": "required",
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"image": 1}, "expected a string, found the number 1", id="string"),
        pytest.param({"stdin": "yes"}, "expected true or false", id="boolean"),
        pytest.param(
            {"ports": [{"containerPort": 2**31}]}, "an integer of 32 bits", id="int32 range"
        ),
        pytest.param({"ports": [{"containerPort": 80.0}]}, "an integer of 32 bits", id="float"),
        pytest.param({"ports": [{"containerPort": True}]}, "found true", id="no integer"),
        pytest.param({"ports": {"containerPort": 1}}, "expected a list, found a map", id="list"),
        pytest.param({"resources": []}, "expected a map of fields, found a list", id="object"),
        pytest.param(
            {"resources": {"limits": {"cpu": "half"}}}, "expected a quantity", id="quantity"
        ),
        pytest.param(
            {"livenessProbe": {"httpGet": {"port": 1.5}}}, "an integer or a string", id="port"
        ),
        pytest.param({"env": ["A=1"]}, 'found the string "A=1"', id="item"),
    ],
)
def test_a_wrong_type_is_explained(fields: dict[str, Any], said: str) -> None:
    """The message says what is expected and what was found."""
    (finding,) = container_with(**fields)

    assert finding.fault == "type"
    assert said in finding.message


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"resources": {"limits": {"cpu": 1, "memory": "1.5Gi"}}}, id="quantities"),
        pytest.param({"resources": {"limits": {"cpu": ".5", "memory": "1e3"}}}, id="exponents"),
        pytest.param({"livenessProbe": {"httpGet": {"port": "http"}}}, id="port by name"),
        pytest.param({"env": None, "command": None}, id="null is not set"),
    ],
)
def test_all_forms_of_a_value_pass(fields: dict[str, Any]) -> None:
    """What Kubernetes reads passes: quantities as numbers, ports by name, null for not set."""
    assert container_with(**fields) == []


@pytest.mark.parametrize("value", ["hunter2", "aGk", "a b=", "ä"])
def test_a_secret_that_is_not_base64_is_explained(value: str) -> None:
    """Plain text under data is the classic mistake."""
    (finding,) = check({"data": {"password": value}}, node("Secret"))

    assert str(finding) == (f'data[password]: expected a base64 string, found the string "{value}"')


def test_base64_may_be_wrapped() -> None:
    """Line breaks in base64 are ignored, as Go does."""
    assert check({"data": {"password": "aHVu\ndGVyMg==\n"}}, node("Secret")) == []


def test_missing_required_fields_are_found() -> None:
    """A field the schema requires is reported where it should be."""
    manifest = deployment()
    del manifest["spec"]["selector"]
    del manifest["spec"]["template"]["spec"]["containers"]

    findings = check(manifest, node("Deployment", "apps"))

    assert {str(finding) for finding in findings} == {
        "spec.template.spec.containers: Required value",
        "spec.selector: Required value",
    }


def test_nothing_is_demanded_of_a_status() -> None:
    """A component reports what it knows; a missing status field is no fault."""
    pod = {"spec": {"containers": [{"name": "a"}]}, "status": {"containerStatuses": [{}]}}

    assert check(pod, node()) == []


def test_keys_of_a_map_are_free_but_not_their_values() -> None:
    """Labels may be called anything, and must be strings."""
    findings = check({"metadata": {"labels": {"a/b": "x", "n": 1}}}, node("ConfigMap"))

    assert [finding.path for finding in findings] == ["metadata.labels[n]"]


def test_a_schema_of_a_custom_resource_can_be_built() -> None:
    """OpenAPI that is not published by Kubernetes gives a node of the same kind."""
    schema = build(
        {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        }
    )

    assert check({"size": 1, "free": {"a": 1}}, schema) == []
    assert [finding.path for finding in check({"sise": 1}, schema)] == ["sise"]


def test_a_type_that_contains_itself_is_finite() -> None:
    """The schema of schemas is the same node at every depth."""
    crd = of_kind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    assert crd is not None
    versions = crd.fields["spec"].fields["versions"].item
    assert versions is not None

    schema = versions.fields["schema"].fields["openAPIV3Schema"]

    assert schema.fields["not"] is schema


def test_duplicate_fields_are_found_by_path() -> None:
    """A key that occurs twice is reported once, wherever it is."""
    body = (
        b'{"a":1,"a":2,"spec":{"containers":[{"name":"x"},{"image":"a","image":"b","image":"c"}]}}'
    )

    assert [str(finding) for finding in duplicates(body)] == [
        'duplicate field "a"',
        'duplicate field "spec.containers[1].image"',
    ]


@given(JSON)
def test_no_value_breaks_the_checker(value: Any) -> None:
    """Whatever JSON comes in gives findings or none, never an error, and stays as it was."""
    before = copy.deepcopy(value)

    check(value, node())

    assert value == before


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_no_body_breaks_the_search_for_duplicates(body: bytes | str) -> None:
    """A body is JSON, or a bad request."""
    with contextlib.suppress(BadRequestError):
        duplicates(body)


def test_deep_nesting_is_refused() -> None:
    """A tower of brackets is a bad request, not a crash."""
    with pytest.raises(BadRequestError):
        duplicates("[" * 100_000)


def test_a_flood_of_faults_is_cut() -> None:
    """A hundred findings are enough, and a key of a megabyte does not come back whole."""
    flood = {"x" * 1_000_000: {}, **{f"f{number}": number for number in range(10_000)}}

    findings = check({"spec": flood}, node())

    assert len(findings) == 100
    assert max(len(finding.message) for finding in findings) < 1000


def test_long_keys_over_many_items_cost_little() -> None:
    """Paths are cut, so that a long key is not copied once for each item below it."""
    body = '{"a":1,"a":2,"' + "k" * 1_000_000 + '":[' + "[],".join([""] * 100_000) + "[]]}"

    assert [finding.path for finding in duplicates(body)] == ["a"]


@pytest.mark.parametrize(
    ("kind", "group", "value"),
    [
        pytest.param(
            "TokenRequest", "authentication.k8s.io", {"spec": {"audiences": None}}, id="token"
        ),
        pytest.param(
            "EndpointSlice",
            "discovery.k8s.io",
            {"addressType": "IPv4", "endpoints": None},
            id="slice",
        ),
        pytest.param(
            "RoleBinding",
            "rbac.authorization.k8s.io",
            {"roleRef": {"kind": "Role", "name": "a"}},
            id="role",
        ),
        pytest.param("CSINode", "storage.k8s.io", {"spec": {"drivers": None}}, id="csi node"),
        pytest.param("PriorityClass", "scheduling.k8s.io", {}, id="zero priority"),
    ],
)
def test_what_kubernetes_fills_in_is_not_demanded(
    kind: str, group: str, value: dict[str, Any]
) -> None:
    """Fields that the schema requires but a server defaults, or reads as zero, may be missing."""
    assert check(value, node(kind, group)) == []
