"""Jobs, StatefulSets, DaemonSets and CronJobs as a user has them, on real containers."""

import json
from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.served import Served, fetch

pytestmark = [pytest.mark.kubectl, pytest.mark.timeout(300)]

IMAGE = "localhost/kubarium/demo:v1"


def _template(app: str, **pod: object) -> dict[str, object]:
    return {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": IMAGE}], **pod},
    }


def _job_spec(script: str, **spec: object) -> dict[str, object]:
    container = {"name": "c", "image": IMAGE, "command": ["sh", "-c", script]}
    return {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}, **spec}


def _apply(served: Served, kind: str, name: str, spec: Mapping[str, object], group: str) -> None:
    body = {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": spec}
    served.kubectl("apply", "-f", "-", stdin=json.dumps(body))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers on Podman."""
    server = Served.start(tmp_path_factory.mktemp("workloads"), "--nodes", "2")
    server.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=30s")
    yield server
    errors = server.stop()
    assert "Traceback" not in errors


@pytest.mark.podman
def test_an_indexed_job_completes(served: Served) -> None:
    """Each pod knows its index; kubectl waits for the condition and shows the columns."""
    script = 'echo "index $JOB_COMPLETION_INDEX"'
    spec = _job_spec(script, completions=3, parallelism=2, completionMode="Indexed")
    _apply(served, "Job", "count", spec, "batch/v1")

    served.kubectl("wait", "--for=condition=complete", "job/count", "--timeout=60s")

    assert served.get("job", "count")["status"]["completedIndexes"] == "0-2"
    logs = served.kubectl("logs", "-l", "job-name=count")
    assert sorted(logs.split("\n"))[-3:] == ["index 0", "index 1", "index 2"]
    assert served.kubectl("get", "job", "count", "--no-headers").split()[:3] == [
        "count",
        "Complete",
        "3/3",
    ]


@pytest.mark.podman
def test_a_stateful_set_starts_in_order_and_its_pods_find_each_other(served: Served) -> None:
    """By name; an update goes back with kubectl rollout undo."""
    labels = {"matchLabels": {"app": "web"}}
    ports = [{"port": 8080}]
    service = {"clusterIP": "None", "selector": {"app": "web"}, "ports": ports}
    _apply(served, "Service", "web", service, "v1")
    spec = {"replicas": 2, "serviceName": "web", "selector": labels, "template": _template("web")}
    _apply(served, "StatefulSet", "web", spec, "apps/v1")
    served.kubectl("rollout", "status", "sts/web", "--timeout=60s")

    first, second = served.get("pods", "-l", "app=web")["items"]
    ready = next(c for c in first["status"]["conditions"] if c["type"] == "Ready")
    assert ready["lastTransitionTime"] <= second["metadata"]["creationTimestamp"]
    address = first["status"]["podIP"]
    answer = fetch(f"http://{address}:8080/ask?host=web-1.web&port=8080")
    assert answer.startswith("Hello from web-1")

    served.kubectl("set", "image", "sts/web", "c=localhost/kubarium/demo:v2")
    served.kubectl("rollout", "status", "sts/web", "--timeout=60s")
    served.kubectl("rollout", "undo", "sts/web")
    image = served.get("sts", "web")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == IMAGE


@pytest.mark.podman
def test_a_daemon_set_is_on_every_worker_and_a_balancer_leads_to_it(served: Served) -> None:
    """One pod each; the address of the LoadBalancer answers on this host."""
    spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": _template("agent")}
    _apply(served, "DaemonSet", "agent", spec, "apps/v1")
    ports = [{"port": 80, "targetPort": 8080}]
    service = {"type": "LoadBalancer", "selector": {"app": "agent"}, "ports": ports}
    _apply(served, "Service", "agent", service, "v1")
    served.kubectl("rollout", "status", "ds/agent", "--timeout=60s")

    pods = served.get("pods", "-l", "app=agent")["items"]
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == ["node-1", "node-2"]
    path = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}"
    served.kubectl("wait", path, "service/agent", "--timeout=20s")
    address = served.get("service", "agent")["status"]["loadBalancer"]["ingress"][0]["ip"]
    answers = {fetch(f"http://{address}/").split()[2] for _ in range(40)}
    assert answers == {pod["metadata"]["name"] for pod in pods}


def test_a_cron_job_fires_and_can_be_run_by_hand(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Simulated, thirty times as fast: three minutes in a few seconds."""
    folder = tmp_path_factory.mktemp("cron")
    server = Served.start(folder, "--nodes", "1", "--speed", "30", runtime="simulated")
    try:
        template = {"spec": _job_spec("true")}
        spec = {"schedule": "*/1 * * * *", "jobTemplate": template}
        _apply(server, "CronJob", "tick", spec, "batch/v1")
        server.kubectl("create", "job", "by-hand", "--from=cronjob/tick")
        server.kubectl("wait", "--for=condition=complete", "job/by-hand", "--timeout=20s")
        # The job made by hand is the cron job's too: its success says nothing of the schedule.
        scheduled = "--for=jsonpath={.status.lastScheduleTime}"
        server.kubectl("wait", scheduled, "cronjob/tick", "--timeout=60s")
        succeeded = "--for=jsonpath={.status.lastSuccessfulTime}"
        server.kubectl("wait", succeeded, "cronjob/tick", "--timeout=60s")

        owners = [
            job["metadata"]["ownerReferences"][0]["name"]
            for job in server.get("jobs")["items"]
            if job["metadata"]["name"].startswith("tick-")
        ]
        assert owners
        assert set(owners) == {"tick"}
    finally:
        errors = server.stop()
    assert "Traceback" not in errors
