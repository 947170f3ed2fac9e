"""What Helm does on install, upgrade, rollback and uninstall, done with the official client.

Helm itself is not needed: its steps are followed from its documentation and source (Helm 3.18,
pkg/action, pkg/kube, pkg/storage/driver/secrets.go): discovery, a release as a Secret with labels
and a type of its own, three-way patches, hooks as Jobs that are watched until they end, `lookup`.
"""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch

pytestmark = pytest.mark.filterwarnings("default")

NAMESPACE = "charts"
STRATEGIC = "application/strategic-merge-patch+json"
IMAGE = "localhost/kubarium/demo:v1"
MANAGED = {"app.kubernetes.io/managed-by": "Helm"}
META = {
    "labels": MANAGED,
    "annotations": {
        "meta.helm.sh/release-name": "shop",
        "meta.helm.sh/release-namespace": NAMESPACE,
    },
}


def deployment(*, replicas: int, **environment: str) -> dict[str, Any]:
    """The deployment of the chart."""
    env = [{"name": name, "value": value} for name, value in environment.items()]
    container: dict[str, Any] = {"name": "web", "image": IMAGE}
    if env:
        container["env"] = env
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", **META},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
            },
        },
    }


def hook() -> dict[str, Any]:
    """A Job that runs before the release is installed."""
    container = {"name": "migrate", "image": IMAGE, "command": ["true"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "shop-migrate",
            "annotations": {
                "helm.sh/hook": "pre-install",
                "helm.sh/hook-delete-policy": "hook-succeeded",
            },
        },
        "spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}},
    }


def release(revision: int, status: str, manifest: dict[str, Any]) -> client.V1Secret:
    """A release as Helm keeps it."""
    packed = gzip.compress(json.dumps({"name": "shop", "manifest": manifest}).encode())
    body = base64.b64encode(base64.b64encode(packed)).decode()
    labels = {"owner": "helm", "name": "shop", "status": status, "version": str(revision)}
    return client.V1Secret(
        metadata=client.V1ObjectMeta(name=f"sh.helm.release.v1.shop.v{revision}", labels=labels),
        type="helm.sh/release.v1",
        data={"release": body},
    )


class Helm:
    """The steps of Helm's actions for one release."""

    def __init__(self, api: client.ApiClient) -> None:
        self.core = client.CoreV1Api(api)
        self.batch = client.BatchV1Api(api)
        self.resources = dynamic.DynamicClient(api).resources

    def keep(self, revision: int, status: str, manifest: dict[str, Any]) -> None:
        """Store a release."""
        self.core.create_namespaced_secret(NAMESPACE, release(revision, status, manifest))

    def mark(self, revision: int, status: str) -> None:
        """Give a release another status, as Helm does: by replacing its Secret."""
        name = f"sh.helm.release.v1.shop.v{revision}"
        kept = self.core.read_namespaced_secret(name, NAMESPACE)
        kept.metadata.labels["status"] = status
        self.core.replace_namespaced_secret(name, NAMESPACE, kept)

    def history(self) -> list[tuple[str, str]]:
        """Version and status of every release, by the selector that Helm uses."""
        found = self.core.list_namespaced_secret(NAMESPACE, label_selector="name=shop,owner=helm")
        labels = [one.metadata.labels for one in found.items]
        return sorted((one["version"], one["status"]) for one in labels)

    def run_hook(self, job: dict[str, Any]) -> None:
        """Create a hook, watch it until it is complete, delete it."""
        self.batch.create_namespaced_job(NAMESPACE, job)
        name = job["metadata"]["name"]
        selector = f"metadata.name={name}"
        w = watch.Watch()
        for event in w.stream(
            self.batch.list_namespaced_job, NAMESPACE, field_selector=selector, timeout_seconds=30
        ):
            conditions = event["object"].status.conditions or ()
            if any(one.type == "Complete" and one.status == "True" for one in conditions):
                w.stop()
        self.batch.delete_namespaced_job(name, NAMESPACE, propagation_policy="Background")

    def create(self, manifest: dict[str, Any]) -> Any:
        """Create an object of a manifest, of whatever kind."""
        return self._resource(manifest).create(
            manifest,
            namespace=NAMESPACE,
            field_manager="helm",
            query_params=[("fieldValidation", "Strict")],
        )

    def patch(self, last: dict[str, Any], wanted: dict[str, Any]) -> Any:
        """Bring the live object from *last* to *wanted*; what others changed stays."""
        resource = self._resource(wanted)
        live = resource.get(name=wanted["metadata"]["name"], namespace=NAMESPACE).to_dict()
        return resource.patch(
            three_way(last, wanted, live),
            name=wanted["metadata"]["name"],
            namespace=NAMESPACE,
            content_type=STRATEGIC,
            field_manager="helm",
        )

    def _resource(self, manifest: dict[str, Any]) -> Any:
        return self.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])


def three_way(last: Any, wanted: Any, live: Any) -> dict[str, Any]:
    """What *wanted* says that *live* does not, and null for what *last* said and it does not.

    Lists of named items are merged by name, with Kubernetes' delete directive.
    """
    patch: dict[str, Any] = {}
    for key, value in wanted.items():
        there, before = live.get(key), last.get(key)
        if isinstance(value, dict):
            inner = three_way(before or {}, value, there or {})
            if inner:
                patch[key] = inner
        elif isinstance(value, list) and value and "name" in value[0]:
            items = _items(before or [], value, there or [])
            if items:
                patch[key] = items
        elif value != there:
            patch[key] = value
    for key, value in last.items():
        if key not in wanted:
            named = isinstance(value, list) and value and "name" in value[0]
            patch[key] = (
                [{"name": item["name"], "$patch": "delete"} for item in value] if named else None
            )
    return patch


def _items(last: list[Any], wanted: list[Any], live: list[Any]) -> list[dict[str, Any]]:
    before = {item["name"]: item for item in last}
    there = {item["name"]: item for item in live}
    patch = []
    for item in wanted:
        inner = three_way(before.get(item["name"], {}), item, there.get(item["name"], {}))
        if inner:
            patch.append({"name": item["name"], **inner})
    names = {item["name"] for item in wanted}
    patch += [{"name": name, "$patch": "delete"} for name in before if name not in names]
    return patch


@pytest.fixture(scope="module")
def helm(served: Path) -> Iterator[Helm]:
    """Helm in a namespace of its own."""
    api = config.new_client_from_config(str(served))
    core = client.CoreV1Api(api)
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    yield Helm(api)
    core.delete_namespace(NAMESPACE)
    api.rest_client.close()
    api.close()


def test_a_release_is_installed_upgraded_rolled_back_and_uninstalled(helm: Helm) -> None:
    """What somebody scaled meanwhile stays, what the chart drops goes, history is kept."""
    first = deployment(replicas=1, MODE="a", OLD="1")
    helm.keep(1, "pending-install", first)
    helm.run_hook(hook())
    made = helm.create(first)
    helm.mark(1, "deployed")

    resource = helm.resources.get(api_version="apps/v1", kind="Deployment")
    annotated = {"metadata": {"annotations": {"by": "hand"}}}
    resource.patch(
        annotated, name="shop", namespace=NAMESPACE, content_type="application/merge-patch+json"
    )

    second = deployment(replicas=2, MODE="b")
    helm.keep(2, "pending-upgrade", second)
    upgraded = helm.patch(first, second).to_dict()
    helm.mark(1, "superseded")
    helm.mark(2, "deployed")

    helm.keep(3, "pending-rollback", first)
    rolled_back = helm.patch(second, first).to_dict()
    helm.mark(2, "superseded")
    helm.mark(3, "deployed")
    history = helm.history()

    resource.delete(name="shop", namespace=NAMESPACE, propagation_policy="Background")
    for revision in (1, 2, 3):
        helm.core.delete_namespaced_secret(f"sh.helm.release.v1.shop.v{revision}", NAMESPACE)

    def environment(found: dict[str, Any]) -> dict[str, str]:
        container = found["spec"]["template"]["spec"]["containers"][0]
        return {item["name"]: item["value"] for item in container["env"]}

    assert made.metadata.labels.to_dict() == MANAGED
    assert upgraded["spec"]["replicas"] == 2
    assert environment(upgraded) == {"MODE": "b"}
    assert upgraded["metadata"]["annotations"]["by"] == "hand"
    assert environment(rolled_back) == {"MODE": "a", "OLD": "1"}
    assert rolled_back["metadata"]["annotations"]["by"] == "hand"
    assert history == [("1", "superseded"), ("2", "superseded"), ("3", "deployed")]
    assert helm.history() == []


def test_a_manifest_with_a_typo_is_not_installed(helm: Helm) -> None:
    """Helm asks for strict validation, and the field at fault is named."""
    manifest = deployment(replicas=1)
    manifest["spec"]["replica"] = 1

    with pytest.raises(dynamic.exceptions.BadRequestError) as refused:
        helm.create(manifest)

    assert 'unknown field \\"spec.replica\\"' in str(refused.value.body)


def test_lookup_finds_what_is_there_and_nothing_else(helm: Helm) -> None:
    """`lookup` gets one object or a list; what is not there is an empty map to a template."""
    resource = helm.resources.get(api_version="v1", kind="ConfigMap")

    listed = resource.get(namespace=NAMESPACE).to_dict()

    assert listed["kind"] == "ConfigMapList"
    with pytest.raises(dynamic.exceptions.NotFoundError):
        resource.get(name="none", namespace=NAMESPACE)
