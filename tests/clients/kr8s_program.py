"""What a user of kr8s does; prints what came of it as JSON.

A program of its own, because kr8s keeps its connections as long as the process lives.
"""

import json
import sys

import kr8s
from kr8s.objects import ConfigMap, Pod, new_class

from tests.clients.crontabs import GROUP, cron_tab

IMAGE = "localhost/kubarium/demo:v1"


def main(kubeconfig: str) -> None:
    """Objects, labels, waiting, logs and custom classes."""
    api = kr8s.api(kubeconfig=kubeconfig)
    settings = ConfigMap({"metadata": {"name": "kr8s"}, "data": {"a": "1"}}, api=api)
    settings.create()
    settings.label({"tier": "front"})
    settings.patch({"data": {"b": "2"}})
    pod = Pod(
        {"metadata": {"name": "kr8s"}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}},
        api=api,
    )
    pod.create()
    pod.wait("condition=Ready", timeout=20)
    said = "\n".join(pod.logs())
    pod.delete()
    pod.wait("delete", timeout=40)
    kind = new_class(kind="CronTab", version=f"{GROUP}/v1", namespaced=True, scalable=True)
    tab = kind(cron_tab("kr8s"), api=api)
    tab.create()
    tab.scale(2)
    settings.refresh()
    settings.delete()
    result = {
        "labels": settings.raw["metadata"]["labels"],
        "data": settings.raw["data"],
        "log": said,
        "replicas": tab.raw["spec"]["replicas"],
    }
    sys.stdout.write(json.dumps(result))


main(sys.argv[1])
