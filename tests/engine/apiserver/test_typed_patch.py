"""What is applied must fit the schema of its kind."""

from typing import Any

import pytest

from engine.apiserver.errors import UntypedPatchError
from engine.apiserver.schema.node import of_kind
from engine.apiserver.typed_patch import check_typed

_CASES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"spec": {"foo": 1}}, ".spec.foo: field not declared in schema"),
    "deep": (
        {"spec": {"template": {"spec": {"containers": [{"name": "c", "x": 1}]}}}},
        '.spec.template.spec.containers[name="c"].x: field not declared in schema',
    ),
    "number": (
        {"spec": {"replicas": "three"}},
        ".spec.replicas: expected numeric (int or float), got string",
    ),
    "text": (
        {"metadata": {"name": "web", "namespace": "shop", "labels": {"on": True}}},
        ".metadata.labels.on: expected string, got &value.valueUnstructured{Value:true}",
    ),
    "keyless": (
        {"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}},
        (
            ".spec.template.spec.containers: element 0: associative list with keys has an element"
            """ that omits all key fields ["name"] (and doesn't have default values for any key"""
            " fields)"
        ),
    ),
    "twice": (
        {"spec": {"template": {"spec": {"containers": [{"name": "c"}, {"name": "c"}]}}}},
        '.spec.template.spec.containers: duplicate entries for key [name="c"]',
    ),
    "two": (
        {"spec": {"foo": 1}, "status": {"bar": 1}},
        (
            "errors:\n  .spec.foo: field not declared in schema\n"
            "  .status.bar: field not declared in schema"
        ),
    ),
}


@pytest.mark.parametrize(("part", "said"), _CASES.values(), ids=_CASES)
def test_what_does_not_fit_is_named(part: dict[str, Any], said: str) -> None:
    """The words are those of kube-apiserver: clients look for them."""
    metadata = {"name": "web", "namespace": "shop"}
    config = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, **part}

    with pytest.raises(UntypedPatchError) as refused:
        check_typed(config, of_kind("apps", "v1", "Deployment"))

    head = "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): "
    assert refused.value.message == head + said
    assert "reason" not in refused.value.status()


def test_ports_without_a_protocol_have_a_key() -> None:
    """A default fills it in, so that they are for validation to judge."""
    container = {"name": "c", "ports": [{"name": "web"}]}
    config = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}

    check_typed(config, of_kind("", "v1", "Pod"))
