"""Objects that most tests of the API server write."""

from typing import Any

from engine.api.codec import decode
from engine.api.container import Container
from engine.api.frozen import FrozenDict
from engine.api.meta import ObjectMeta
from engine.api.pod import Pod, PodSpec


def make_pod(name: str = "web", *, node: str = "", **labels: str) -> Pod:
    """A pod of one container."""
    return Pod(
        metadata=ObjectMeta(name=name, namespace="default", labels=FrozenDict(labels)),
        spec=PodSpec(containers=(Container(name="main", image="demo:v1"),), node_name=node),
    )


def make_deployment(**spec: Any) -> Any:
    """A deployment that lacks whatever can be lacking."""
    body = {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "demo:v1"}]},
        },
        **spec,
    }
    return decode(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "default"},
            "spec": body,
        }
    )
