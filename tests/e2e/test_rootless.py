"""Real containers for who is not root: a user made for the test, kubectl and curl from the host."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.ordinary_user import OrdinaryUser, ordinary_user
from tests.e2e.served import Served, fetch

pytestmark = [pytest.mark.podman, pytest.mark.kubectl, pytest.mark.timeout(300)]

WAIT_SECONDS = 90.0
PORT = 30_200 + os.getpid() % 2500  # another cluster on this machine would take the usual one
APP = f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{greeting: good morning}}
---
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{key: "1234"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: localhost/kubarium/demo:v1
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{port: 8080, path: /}}, periodSeconds: 1}}
        livenessProbe: {{exec: {{command: [/bin/sh, -c, "test -e /settings/greeting"]}}}}
        resources: {{limits: {{cpu: 500m, memory: 64Mi}}}}
        env: [{{name: KEY, valueFrom: {{secretKeyRef: {{name: keys, key: key}}}}}}]
        volumeMounts:
        - {{name: settings, mountPath: /settings}}
        - {{name: memory, mountPath: /memory}}
      volumes:
      - {{name: settings, configMap: {{name: settings}}}}
      - {{name: memory, emptyDir: {{medium: Memory, sizeLimit: 1Mi}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: NodePort
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080, nodePort: {PORT}}}]
"""


@pytest.fixture(scope="module")
def user() -> Iterator[OrdinaryUser]:
    """Someone who is not root."""
    if os.geteuid() != 0:
        pytest.skip("only root can make another user")
    with ordinary_user() as made:
        yield made


def serve(user: OrdinaryUser) -> Served:
    """A cluster of the user's."""
    served = Served.start(user.folder, "--nodes", "2", run_as=user.command)
    served.kubectl("wait", "--for=condition=Ready", "node", "--all", "--timeout=60s")
    return served


def eventually(holds: Callable[[], object], what: str) -> None:
    """Wait until that holds; requests that fail meanwhile do not matter."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if holds():
                return
        except OSError as error:
            what = f"{what}: {error}"[:500]
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def test_an_ordinary_user_has_real_containers_and_nothing_stays(user: OrdinaryUser) -> None:
    """Service, names, files, commands and logs; a killed cluster goes with the next one's start.

    What the user's own Podman has, which lives in namespaces of its own, is left alone.
    """
    subprocess.run(user.command("podman", "unshare", "true"), check=True, timeout=WAIT_SECONDS)
    theirs = user.processes()
    assert theirs, "Podman keeps a process that holds its namespaces"
    served = serve(user)
    try:
        _check_an_application(served)
        killed = set(user.processes()) - set(theirs)
        served.kill()
        served = serve(user)

        running = set(user.processes())
        assert running - set(theirs), "the cluster runs"
        assert not running & killed
    finally:
        errors = served.stop()

    assert "Traceback" not in errors
    eventually(lambda: user.processes() == theirs, "the cluster's processes end, and no others")
    assert list((user.folder / "state" / "kubarium" / "run").iterdir()) == []
    assert list((user.folder / "run" / "kubarium" / "namespaces").iterdir()) == []


def _check_an_application(served: Served) -> None:
    served.kubectl("apply", "-f", "-", stdin=APP)
    served.kubectl("rollout", "status", "deployment/web", "--timeout=90s")
    pods = {pod["metadata"]["name"]: pod for pod in served.get("pods", "-l", "app=web")["items"]}
    name = min(pods)

    url = f"http://127.0.0.1:{PORT}"
    asked = set[str]()

    def all_have_answered() -> bool:
        asked.add(fetch(f"{url}/").split()[2])
        return asked == set(pods)

    eventually(all_have_answered, "both pods answer at the node port")
    eventually(
        lambda: fetch(f"{url}/ask?host=web&port=80").startswith("Hello from"),
        "a pod finds the service by its name",
    )
    script = 'cat /settings/greeting; echo; echo "$KEY $(hostname)"; df -k /memory | tail -1'
    said = served.kubectl("exec", name, "--", "sh", "-c", script).splitlines()
    assert said[:2] == ["good morning", f"1234 {name}"]
    assert said[2].split()[1] == "1024"
    assert "listens on port 8080" in served.kubectl("logs", name)
    assert pods[name]["status"]["podIP"].startswith("10.")
