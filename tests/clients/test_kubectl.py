"""What users of kubectl do all day, against a served cluster."""

import json
from collections.abc import Iterator

import pytest

from tests.clients.kubectl import Kubectl

pytestmark = pytest.mark.kubectl

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: localhost/kubarium/demo:v1
        ports: [{containerPort: 8080}]
"""


@pytest.fixture
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own."""
    name = request.node.name.replace("_", "-")[:50].rstrip("-")
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def web(kubectl: Kubectl, namespace: str) -> str:
    """The namespace of a deployment that is rolled out."""
    kubectl("apply", "-n", namespace, "-f", "-", text=MANIFEST)
    kubectl("rollout", "status", "-n", namespace, "deployment/web", "--timeout=30s")
    return namespace


def test_apply_twice_changes_nothing(kubectl: Kubectl, web: str) -> None:
    """The second apply of the same manifest finds everything as it is."""
    told = kubectl("apply", "-n", web, "-f", "-", text=MANIFEST)

    assert "configmap/settings unchanged" in told
    assert "deployment.apps/web unchanged" in told


def test_get_prints_what_kubectl_prints(kubectl: Kubectl, web: str) -> None:
    """Tables, wide tables and whole objects."""
    narrow = kubectl("get", "pods", "-n", web).splitlines()[0].split()
    wide = kubectl("get", "pods", "-n", web, "-o", "wide").splitlines()[0].split()
    found = json.loads(kubectl("get", "deployment", "web", "-n", web, "-o", "json"))
    text = kubectl("get", "deployment", "web", "-n", web, "-o", "yaml")

    assert narrow == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert wide[5:7] == ["IP", "NODE"]
    assert found["status"]["readyReplicas"] == 2
    assert "kind: Deployment" in text


def test_watch_shows_what_happens(kubectl: Kubectl, web: str) -> None:
    """`get -w` goes on printing rows."""
    watching = kubectl.start("get", "configmaps", "-n", web, "-w", "-o", "name")
    assert watching.stdout is not None
    first = watching.stdout.readline()
    kubectl("create", "configmap", "later", "-n", web, "--from-literal=a=b")
    names = [first.strip(), watching.stdout.readline().strip()]
    while "configmap/later" not in names:
        names.append(watching.stdout.readline().strip())
    watching.terminate()
    watching.communicate(timeout=10)

    assert "configmap/settings" in names


def test_describe_tells_the_story(kubectl: Kubectl, web: str) -> None:
    """Pods and deployments with their events, nodes with their pods."""
    pods = kubectl("describe", "pods", "-n", web)
    deployment = kubectl("describe", "deployment", "web", "-n", web)
    nodes = kubectl("describe", "nodes")

    assert "Successfully assigned" in pods
    assert "Scaled up replica set" in deployment
    assert "Non-terminated Pods" in nodes


def test_roll_out_and_back(kubectl: Kubectl, web: str) -> None:
    """Set image, status, history, undo; the old replica set is used again."""
    before = kubectl("get", "rs", "-n", web, "-o", "name").split()
    kubectl("set", "image", "-n", web, "deployment/web", "web=localhost/kubarium/demo:v2")
    kubectl("rollout", "status", "-n", web, "deployment/web", "--timeout=30s")
    history = kubectl("rollout", "history", "-n", web, "deployment/web")
    kubectl("rollout", "undo", "-n", web, "deployment/web")
    kubectl("rollout", "status", "-n", web, "deployment/web", "--timeout=30s")

    image = kubectl(
        "get", "deployment", "web", "-n", web,
        "-o", "jsonpath={.spec.template.spec.containers[0].image}",
    )  # fmt: skip
    after = kubectl("get", "rs", "-n", web, "-o", "name").split()
    assert "2" in history
    assert image == "localhost/kubarium/demo:v1"
    assert len(after) == 2
    assert before[0] in after


def test_a_rollout_can_be_paused_resumed_and_restarted(kubectl: Kubectl, web: str) -> None:
    """A paused rollout starts nothing new; a restart replaces every pod."""
    kubectl("rollout", "pause", "-n", web, "deployment/web")
    kubectl("set", "image", "-n", web, "deployment/web", "web=localhost/kubarium/demo:v2")
    paused = kubectl("get", "rs", "-n", web, "-o", "name").split()
    kubectl("rollout", "resume", "-n", web, "deployment/web")
    kubectl("rollout", "status", "-n", web, "deployment/web", "--timeout=30s")
    kubectl("rollout", "restart", "-n", web, "deployment/web")
    kubectl("rollout", "status", "-n", web, "deployment/web", "--timeout=30s")

    assert len(paused) == 1
    assert len(kubectl("get", "rs", "-n", web, "-o", "name").split()) == 3


def test_scale_changes_the_number_of_pods(kubectl: Kubectl, web: str) -> None:
    """Up, and the status follows."""
    kubectl("scale", "-n", web, "deployment/web", "--replicas=3")
    kubectl("rollout", "status", "-n", web, "deployment/web", "--timeout=30s")

    assert kubectl("get", "deployment", "web", "-n", web).split()[6] == "3/3"


def test_logs_come_from_the_container(kubectl: Kubectl, web: str) -> None:
    """At once, and followed."""
    told = kubectl("logs", "-n", web, "deployment/web")
    following = kubectl.start("logs", "-f", "-n", web, "deployment/web", "-c", "web")
    assert following.stdout is not None
    lines = following.stdout.readline() + following.stdout.readline()
    following.terminate()
    following.communicate(timeout=10)

    assert "listens on port 8080" in told
    assert "listens on port 8080" in lines


def test_a_node_is_cordoned_drained_and_taken_back(kubectl: Kubectl, web: str) -> None:
    """Drain evicts its pods; meanwhile nothing is scheduled there."""
    kubectl("drain", "node-1", "--ignore-daemonsets", "--force", "--timeout=50s")
    drained = kubectl("get", "pods", "-n", web, "-o", "jsonpath={.items[*].spec.nodeName}")
    nodes = kubectl("get", "nodes")
    kubectl("uncordon", "node-1")
    kubectl("cordon", "node-2")
    kubectl("uncordon", "node-2")

    assert "node-1" not in drained.split()
    assert "SchedulingDisabled" in nodes
    assert "SchedulingDisabled" not in kubectl("get", "nodes")


def test_labels_and_annotations(kubectl: Kubectl, web: str) -> None:
    """Set, selected by, taken away."""
    kubectl("label", "-n", web, "deployment/web", "tier=front")
    kubectl("annotate", "-n", web, "deployment/web", "note=hello")
    found = kubectl("get", "deployments", "-n", web, "-l", "tier=front", "-o", "name")
    kubectl("label", "-n", web, "deployment/web", "tier-")

    assert found.strip() == "deployment.apps/web"
    assert kubectl("get", "deployments", "-n", web, "-l", "tier", "-o", "name") == ""


def test_create_deployment_and_expose(kubectl: Kubectl, namespace: str) -> None:
    """Newer kubectls send the deployment as protobuf; the service finds its endpoints."""
    kubectl(
        "create", "deployment", "shop", "-n", namespace,
        "--image=localhost/kubarium/demo:v1", "--replicas=2", "--port=8080",
    )  # fmt: skip
    kubectl("expose", "deployment", "shop", "-n", namespace, "--port=80", "--type=NodePort")
    kubectl("rollout", "status", "-n", namespace, "deployment/shop", "--timeout=30s")

    service = kubectl("get", "service", "shop", "-n", namespace)
    assert "NodePort" in service
    assert "80:3" in service


def test_api_resources_and_explain(kubectl: Kubectl) -> None:
    """What there is, and what its fields mean."""
    resources = kubectl("api-resources")
    explained = kubectl("explain", "deployment.spec.strategy")

    assert "deploy" in resources
    assert "rollingUpdate" in explained


def test_a_typo_in_a_manifest_is_explained(kubectl: Kubectl, namespace: str) -> None:
    """An unknown field is named with its path."""
    told = kubectl(
        "apply", "-n", namespace, "-f", "-",
        text=MANIFEST.replace("replicas:", "replcas:"), fails=True,
    )  # fmt: skip

    assert "spec.replcas" in told


def test_delete_waits_until_it_is_gone(kubectl: Kubectl, web: str) -> None:
    """Deleting the deployment takes its pods along."""
    kubectl("delete", "-n", web, "deployment", "web", "--cascade=foreground", "--timeout=50s")

    assert kubectl("get", "pods", "-n", web, "-o", "name") == ""


def test_the_oldest_kubectl_feels_at_home(oldest_kubectl: Kubectl, web: str) -> None:
    """Discovery, apply, get, describe and rollout of kubectl 1.27 work too."""
    oldest_kubectl("apply", "-n", web, "-f", "-", text=MANIFEST)
    oldest_kubectl("describe", "deployment", "web", "-n", web)
    oldest_kubectl("rollout", "history", "-n", web, "deployment/web")

    assert "READY" in oldest_kubectl("get", "pods", "-n", web)
