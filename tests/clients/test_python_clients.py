"""The Python clients people use: kubernetes, lightkube and kr8s, against a served cluster."""

import gc
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, watch
from lightkube import AsyncClient, Client, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Node
from lightkube.types import PatchType

from tests.clients.crontabs import DEFINITION, GROUP, NAME, cron_tab

# What these packages warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

IMAGE = "localhost/kubarium/demo:v1"


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Connections that the clients leave open are gone, and warned of, before other tests."""
    yield
    gc.collect()


@pytest.fixture
def api(served: Path) -> Iterator[client.ApiClient]:
    """The official client."""
    made = config.new_client_from_config(str(served))
    yield made
    made.rest_client.close()
    made.close()


MakeClient = Callable[[str], Client]


@pytest.fixture
def lightkube(served: Path) -> Iterator[MakeClient]:
    """Makes clients of lightkube, by the name of their field manager."""
    made: list[Client] = []

    def make(manager: str) -> Client:
        made.append(Client(config=KubeConfig.from_file(served), field_manager=manager))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def crons(api: client.ApiClient) -> Iterator[None]:
    """CronTabs are served."""
    definitions = client.ApiextensionsV1Api(api)
    definitions.create_custom_resource_definition(DEFINITION)
    w = watch.Watch()
    selector = f"metadata.name={NAME}"
    for event in w.stream(
        definitions.list_custom_resource_definition, field_selector=selector, timeout_seconds=10
    ):
        conditions = event["object"].status.conditions or ()
        if any(one.type == "Established" and one.status == "True" for one in conditions):
            w.stop()
    yield
    definitions.delete_custom_resource_definition(NAME)


def test_the_official_client_works_with_typed_objects(api: client.ApiClient) -> None:
    """Deployments are made, watched, scaled and deleted; pods are read, evicted and deleted."""
    core, apps = client.CoreV1Api(api), client.AppsV1Api(api)
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name="official")))
    container = client.V1Container(name="web", image=IMAGE)
    labels = {"app": "web"}
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
    )
    spec = client.V1DeploymentSpec(
        replicas=1, selector=client.V1LabelSelector(match_labels=labels), template=template
    )
    made = apps.create_namespaced_deployment(
        "official", client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    )
    apps.patch_namespaced_deployment_scale("web", "official", {"spec": {"replicas": 2}})

    w = watch.Watch()
    ready = 0
    for event in w.stream(apps.list_namespaced_deployment, "official", timeout_seconds=90):
        ready = event["object"].status.ready_replicas or 0
        if ready == 2:
            w.stop()

    pods = core.list_namespaced_pod("official", label_selector="app=web").items
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=pods[0].metadata.name))
    core.create_namespaced_pod_eviction(pods[0].metadata.name, "official", eviction)
    gone = core.delete_namespaced_pod(pods[1].metadata.name, "official", grace_period_seconds=0)
    events = client.EventsV1Api(api).list_namespaced_event("official").items
    with pytest.raises(client.ApiException) as missing:
        core.read_namespaced_pod("nope", "official")
    core.delete_namespace("official")

    assert ready == 2
    assert [entry.operation for entry in made.metadata.managed_fields] == ["Update"]
    assert gone.metadata.name == pods[1].metadata.name
    assert {event.reason for event in events} >= {"Scheduled", "ScalingReplicaSet"}
    assert missing.value.status == 404


def test_the_official_client_reads_every_list(api: client.ApiClient) -> None:
    """What is served has all fields that typed clients require."""
    core = client.CoreV1Api(api)
    found = [
        core.list_node(),
        core.list_component_status(),
        core.list_service_for_all_namespaces(),
        core.list_endpoints_for_all_namespaces(),
        core.list_config_map_for_all_namespaces(),
        core.list_service_account_for_all_namespaces(),
        core.list_event_for_all_namespaces(),
        client.DiscoveryV1Api(api).list_endpoint_slice_for_all_namespaces(),
        client.CoordinationV1Api(api).list_lease_for_all_namespaces(),
        client.RbacAuthorizationV1Api(api).list_cluster_role(),
        client.RbacAuthorizationV1Api(api).list_cluster_role_binding(),
        client.SchedulingV1Api(api).list_priority_class(),
        client.StorageV1Api(api).list_storage_class(),
    ]

    assert all(one.metadata.resource_version for one in found)
    assert client.VersionApi(api).get_code().minor == "34"


def test_an_autoscaler_has_two_versions(api: client.ApiClient) -> None:
    """What is written as version 1 is read as version 2, and back."""
    first, second = client.AutoscalingV1Api(api), client.AutoscalingV2Api(api)
    target = client.V1CrossVersionObjectReference(
        api_version="apps/v1", kind="Deployment", name="none"
    )
    spec = client.V1HorizontalPodAutoscalerSpec(
        max_replicas=4, scale_target_ref=target, target_cpu_utilization_percentage=50
    )
    meta = client.V1ObjectMeta(name="both")
    first.create_namespaced_horizontal_pod_autoscaler(
        "default", client.V1HorizontalPodAutoscaler(metadata=meta, spec=spec)
    )

    newer = second.read_namespaced_horizontal_pod_autoscaler("both", "default")
    older = first.read_namespaced_horizontal_pod_autoscaler("both", "default")
    first.delete_namespaced_horizontal_pod_autoscaler("both", "default")

    assert newer.spec.metrics[0].resource.target.average_utilization == 50
    assert older.spec.target_cpu_utilization_percentage == 50


@pytest.mark.usefixtures("crons")
def test_the_official_client_works_with_custom_objects(api: client.ApiClient) -> None:
    """As plain maps, and through the dynamic client, which finds them by discovery."""
    objects = client.CustomObjectsApi(api)
    place = (GROUP, "v1", "default", "crontabs")
    objects.create_namespaced_custom_object(*place, cron_tab("plain"))
    objects.patch_namespaced_custom_object_status(*place, "plain", {"status": {"replicas": 3}})
    objects.patch_namespaced_custom_object_scale(*place, "plain", {"spec": {"replicas": 2}})
    plain: Any = objects.get_namespaced_custom_object(*place, "plain")
    resource = dynamic.DynamicClient(api).resources.get(api_version=f"{GROUP}/v1", kind="CronTab")
    applied = resource.server_side_apply(
        namespace="default", name="applied", body=cron_tab("applied"), field_manager="tests"
    )
    seen = [event["type"] for event in resource.watch(namespace="default", timeout=1)]

    assert plain["spec"]["replicas"] == 2
    assert plain["status"] == {"replicas": 3}
    assert plain["metadata"]["generation"] == 2
    assert applied.metadata.managedFields[0].operation == "Apply"
    assert seen == ["ADDED", "ADDED"]


def test_lightkube_works(lightkube: MakeClient) -> None:
    """Create, apply with a conflict, patch, watch and delete."""
    one, two = lightkube("one"), lightkube("two")
    meta = ObjectMeta(name="light", namespace="default")
    one.apply(ConfigMap(metadata=meta, data={"a": "1", "b": "1"}))
    with pytest.raises(ApiError) as conflict:
        two.apply(ConfigMap(metadata=meta, data={"a": "2"}))
    two.apply(ConfigMap(metadata=meta, data={"a": "2"}), force=True)
    patched = one.patch(ConfigMap, "light", {"data": {"c": "3"}}, namespace="default")
    changes: Any = one.watch(ConfigMap, namespace="default", fields={"metadata.name": "light"})
    first = next(changes)
    changes.close()
    one.delete(ConfigMap, "light", namespace="default")

    assert conflict.value.status.code == 409
    assert patched.data == {"a": "2", "b": "1", "c": "3"}
    assert first[0] == "ADDED"


@pytest.mark.usefixtures("crons")
def test_lightkube_works_with_custom_resources(lightkube: MakeClient) -> None:
    """Through a generic resource, with its subresources."""
    kube = lightkube("tests")
    resource: Any = create_namespaced_resource(GROUP, "v1", "CronTab", "crontabs")
    kube.create(
        resource(metadata=ObjectMeta(name="light"), spec={"cron": "* * *"}), namespace="default"
    )
    kube.patch(
        resource.Status,
        "light",
        {"status": {"replicas": 1}},
        namespace="default",
        patch_type=PatchType.MERGE,
    )
    scale = kube.get(resource.Scale, "light", namespace="default")

    assert (scale.spec.replicas, scale.status.replicas) == (1, 1)


async def test_lightkube_works_asynchronously(served: Path) -> None:
    """The same over asyncio."""
    kube = AsyncClient(config=KubeConfig.from_file(served))
    nodes = [node.metadata.name async for node in kube.list(Node)]
    await kube.close()

    assert "node-1" in nodes


@pytest.mark.usefixtures("crons")
def test_kr8s_works(served: Path) -> None:
    """Objects, labels, waiting, logs and custom classes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.clients.kr8s_program", str(served)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["labels"] == {"tier": "front"}
    assert found["data"] == {"a": "1", "b": "2"}
    assert "listens on port" in found["log"]
    assert found["replicas"] == 2
