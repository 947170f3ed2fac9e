"""What users of kubectl do with custom resources."""

import json
from collections.abc import Iterator

import pytest

from tests.clients.crontabs import DEFINITION, NAME, cron_tab
from tests.clients.kubectl import Kubectl

pytestmark = pytest.mark.kubectl


@pytest.fixture
def crons(kubectl: Kubectl) -> Iterator[str]:
    """The namespace of a CronTab; the definition goes with the test."""
    kubectl("apply", "-f", "-", text=json.dumps(DEFINITION))
    kubectl("wait", "--for=condition=Established", f"crd/{NAME}", "--timeout=10s")
    kubectl("create", "namespace", "crons")
    kubectl("apply", "-n", "crons", "-f", "-", text=json.dumps(cron_tab("one", color="red")))
    yield "crons"
    kubectl("delete", "namespace", "crons", "--timeout=30s")
    kubectl("delete", "crd", NAME, "--timeout=30s")


def test_custom_resources_are_like_others(
    kubectl: Kubectl, oldest_kubectl: Kubectl, crons: str
) -> None:
    """Columns, short names, categories, selectors, explain, scale, patches and apply."""
    for each in (kubectl, oldest_kubectl):
        table = each("get", "ct", "-n", crons, "-o", "wide").splitlines()
        assert [line.split() for line in table] == [
            ["NAME", "CRON", "REPLICAS"],
            ["one", "*", "*", "*", "1"],
        ]
        assert "-required-" in each("explain", "crontab.spec")
    assert kubectl("get", "toys", "-n", crons, "-o", "name").split() == [
        "crontab.stable.example.com/one"
    ]
    chosen = kubectl("get", "ct", "-n", crons, "-o", "name", "--field-selector=spec.color=blue")
    assert chosen == ""

    kubectl("scale", "-n", crons, "ct/one", "--replicas=3")
    kubectl("patch", "ct", "one", "-n", crons, "--type=merge", "-p", '{"spec":{"image":"x"}}')
    refused = kubectl("patch", "ct", "one", "-n", crons, "--type=strategic", "-p", "{}", fails=True)

    found = json.loads(kubectl("get", "ct", "one", "-n", crons, "-o", "json"))
    assert found["spec"] == {"cron": "* * *", "image": "x", "replicas": 3, "color": "red"}
    assert found["metadata"]["generation"] == 3
    assert "not supported" in refused


def test_what_the_schema_forbids_is_refused(kubectl: Kubectl, crons: str) -> None:
    """Unknown fields by their path, values by the rule they break."""
    typo = json.dumps(cron_tab("two", colour="red"))
    wrong = json.dumps(cron_tab("two", color="green", replicas=0))

    by_name = kubectl("apply", "-n", crons, "-f", "-", text=typo, fails=True)
    by_value = kubectl("apply", "-n", crons, "-f", "-", text=wrong, fails=True)

    assert 'unknown field "spec.colour"' in by_name
    assert 'spec.color: Unsupported value: "green": supported values: "red", "blue"' in by_value
    assert "spec.replicas in body should be greater than or equal to 1" in by_value


def test_owners_may_be_custom_resources(kubectl: Kubectl, crons: str) -> None:
    """What a custom resource owns goes with it."""
    uid = kubectl("get", "ct", "one", "-n", crons, "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "name": "one", "uid": uid}
    owned = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "owned", "ownerReferences": [owner]},
    }
    kubectl("create", "-n", crons, "-f", "-", text=json.dumps(owned))

    kubectl("delete", "ct", "one", "-n", crons)

    kubectl("wait", "--for=delete", "cm/owned", "-n", crons, "--timeout=20s")
